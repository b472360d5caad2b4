/** How the pages look: light and dark as the system is, narrow and wide, and by keyboard. */
export const style = `
:root {
  color-scheme: light dark;
  --back: #fbfaf7; --card: #fff; --text: #1d1f23; --soft: #5a5f68; --line: #d9d6cd;
  --link: #0b5394; --good: #17603a; --good-back: #e0f2e6; --bad: #9b1c1c; --bad-back: #fbe5e3;
  --wait: #7a4b00; --wait-back: #fcefd2; --plain-back: #eceae4; --press: #0b5394; --on-press: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #15171b; --card: #1d2026; --text: #e8e6e1; --soft: #a6abb5; --line: #353a43;
    --link: #8ab8ec; --good: #8edcab; --good-back: #173524; --bad: #ffaba3; --bad-back: #43201f;
    --wait: #f5cd86; --wait-back: #40300f; --plain-back: #2b2f37; --press: #8ab8ec; --on-press: #10131a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center; padding: .6rem 1rem; background: var(--card); border-bottom: 1px solid var(--line); }
header nav { display: flex; flex-wrap: wrap; gap: .25rem .25rem; flex: 1 1 auto; }
header nav a { padding: .3rem .6rem; border-radius: .4rem; text-decoration: none; }
header nav a[aria-current] { background: var(--plain-back); color: var(--text); font-weight: 600; }
.who { display: flex; gap: .6rem; align-items: center; margin: 0; color: var(--soft); }
main { max-width: 75rem; margin: 0 auto; padding: 1rem; }
main:focus { outline: none; }
h1 { font-size: 1.5rem; margin: .5rem 0 1rem; }
h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; display: inline-block; padding: .5rem 1rem; }
button { font: inherit; padding: .4rem .9rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); color: var(--text); cursor: pointer; min-height: 2.5rem; }
button.main { background: var(--press); color: var(--on-press); border-color: var(--press); font-weight: 600; }
input, select { font: inherit; padding: .35rem .5rem; border: 1px solid var(--soft); border-radius: .4rem; background: var(--card); color: var(--text); min-height: 2.5rem; width: 100%; }
label { display: block; font-size: .875rem; color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 0 0 1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: .875rem/1.5 ui-monospace, monospace; margin: 0 0 1rem; }
.answers { display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; }
.answers form { margin: 0; }
.answers .no { display: flex; gap: .5rem; align-items: end; flex: 1 1 18rem; }
.answers .no label { flex: 1 1 auto; }
.told, .wrong, #waiting { padding: .6rem .9rem; border-radius: .4rem; margin: 0 0 1rem; }
.good { color: var(--good); background: var(--good-back); }
.bad, .wrong { color: var(--bad); background: var(--bad-back); }
.wait, #waiting { color: var(--wait); background: var(--wait-back); }
.mark { display: inline-block; padding: 0 .45rem; border-radius: .3rem; font-size: .8125rem; font-weight: 600; white-space: nowrap; }
.mark.plain { background: var(--plain-back); }
small, .soft { color: var(--soft); font-size: .875rem; }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-top: 1px solid var(--line); }
thead th { font-size: .875rem; }
tbody th { font-weight: 400; }
th.of { font-weight: 600; background: var(--plain-back); }
td ul { margin: .2rem 0 0; padding: 0 0 0 1rem; font-size: .8125rem; color: var(--soft); }
.listing td { overflow-wrap: break-word; }
.listing td:first-child { overflow-wrap: anywhere; }
meter { width: 8rem; max-width: 100%; vertical-align: middle; }
.matrix { overflow-x: auto; }
.matrix td { min-width: 9rem; }
.filters { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; align-items: end; }
.feed { list-style: none; margin: 0; padding: 0; }
.feed li { background: var(--card); border: 1px solid var(--line); border-top: 0; padding: .5rem .75rem; }
.feed li:first-child { border-top: 1px solid var(--line); }
.feed li.new { border-left: .3rem solid var(--link); }
.feed p { margin: 0; }
.feed .outcome { padding-left: 2rem; }
.paging { display: flex; gap: 1rem; margin: 1rem 0; }
@media (max-width: 40rem) {
  main { padding: .75rem; }
  .listing, .listing tbody, .listing tr, .listing td, .matrix table, .matrix tbody, .matrix tr, .matrix td, .matrix th { display: block; border-top: 0; }
  .listing thead, .matrix thead { position: absolute; left: -999rem; }
  .listing tr, .matrix tr { border-top: 1px solid var(--line); padding: .4rem 0; }
  .listing td { overflow-wrap: anywhere; }
  .listing td, .matrix td { padding: .1rem .6rem; min-width: 0; }
  .listing td::before, .matrix td::before { content: attr(data-title) ": "; color: var(--soft); font-size: .875rem; }
  .matrix td.off { display: none; }
  .matrix tr.off th::after { content: ": off for all"; color: var(--soft); font-size: .875rem; }
  .feed .outcome { padding-left: 1rem; }
  .answers .no { flex-wrap: wrap; }
}
`;

/**
 * What the pages do by themselves: new records come to the top of the feed, and what waits for a word is told. Without it every
 * page still works. What comes in is made and escaped where the page was.
 */
export const script = `
'use strict';
const feed = document.querySelector('[data-live]');
const waiting = document.getElementById('waiting');
const known = document.querySelector('[data-waits]');
const most = 200;
let source;
let address = feed ? feed.dataset.live : '/live';
function listen() {
  source = new EventSource(address);
  source.addEventListener('entry', (event) => {
    address = address.replace(/([?&]after=)[0-9]+/, '$1' + event.lastEventId);
    feed.insertAdjacentHTML('afterbegin', event.data);
    while (feed.children.length > most) feed.lastElementChild.remove();
  });
  source.addEventListener('waits', (event) => {
    const count = Number(event.data.split(' ')[0]);
    waiting.hidden = known ? event.data === known.dataset.waits : count === 0;
    if (waiting.hidden) return;
    const link = document.createElement('a');
    link.href = '/';
    link.textContent = 'Show it';
    const said = count === 1 ? 'A run waits for approval. ' : count + ' runs wait for approval. ';
    waiting.replaceChildren(known ? 'What waits here has changed. ' : said, link);
  });
  source.addEventListener('over', () => location.reload());
  // A browser does not ask again where it was refused: the page may be nobody's any more, and says so once it is asked for.
  source.addEventListener('error', () => {
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 1_000);
  });
}
// A browser keeps six connections to one place: pages that nobody looks at must not use them up.
function look() {
  if (source) source.close();
  source = undefined;
  if (!document.hidden) listen();
}
if (document.querySelector('nav')) {
  document.addEventListener('visibilitychange', look);
  addEventListener('pagehide', () => source && source.close());
  look();
}
`;

export const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#0b5394"/><path d="M8 4v4l3 2" stroke="#fff" stroke-width="2" fill="none"/></svg>';
