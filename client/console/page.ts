import { html } from 'hono/html';
import type { Session } from './sessions.ts';

/** A piece of a page. Whatever text is put into one is escaped. */
export type Html = ReturnType<typeof html>;

/** The pages, as the navigation names them. */
export const places = {
  '/': 'Approvals',
  '/agents': 'Agents',
  '/audit': 'Audit',
  '/held': 'Held',
  '/budget': 'Budget',
  '/runs': 'Runs',
} as const;
export type Place = keyof typeof places;

/** What all pages show of a session; of nobody's where nobody has signed in. */
export interface Frame {
  readonly title: string;
  readonly place?: Place;
  readonly session?: Session | undefined;
  readonly body: Html | readonly Html[];
}

/** A whole page. */
export function pageOf({ title, place, session, body }: Frame): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · oncall</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/console.css">
<script src="/console.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<strong>oncall</strong>
${session ? navigation(session, place) : ''}
</header>
<main id="main" tabindex="-1">
${session ? told(session) : ''}
<p id="waiting" role="status" hidden></p>
<h1>${title}</h1>
${body}
</main>
</body>
</html>`;
}

const navigation = (
  { name, formToken }: Session,
  place: Place | undefined,
): Html => html`<nav aria-label="Pages">
${Object.entries(places).map(
  ([path, label]) => html`<a href="${path}"${path === place ? html` aria-current="page"` : ''}>${label}</a>`,
)}
</nav>
<form class="who" method="post" action="/sign-out"><span>${name}</span>${hiddenFields({ form: formToken })}<button>Sign out</button></form>`;

/** What the last form came to, once. */
function told(session: Session): Html | '' {
  const last = session.told;
  delete session.told;
  if (!last) return '';
  const role = last.isRefusal ? 'alert' : 'status';
  return html`<p class="told ${last.isRefusal ? 'bad' : 'good'}" role="${role}">${last.sentence}</p>`;
}

export const hiddenFields = (values: Readonly<Record<string, string>>): readonly Html[] =>
  Object.entries(values).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);

/** A part of a page under its heading. What cannot be read now is told in its place, and the rest of the page still shows. */
export async function section(
  heading: string,
  work: () => Promise<Html | readonly Html[]>,
  sentenceOf: (error: unknown) => string,
): Promise<Html> {
  let body: Html | readonly Html[];
  try {
    body = await work();
  } catch (error) {
    body = wrong(sentenceOf(error));
  }
  return html`<section>
<h2>${heading}</h2>
${body}
</section>`;
}

/** A sentence about what is not as it should be. */
export const wrong = (sentence: string): Html => html`<p class="wrong" role="alert">${sentence}</p>`;

/** A sentence about what is so. */
export const plain = (sentence: string): Html => html`<p>${sentence}</p>`;

/** A small table whose rows stand one below the other where the window is narrow. */
export function listing(titles: readonly string[], rows: readonly (readonly (string | Html)[])[]): Html {
  return html`<table class="listing">
<thead><tr>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${rows.map(
    (cells) =>
      html`<tr>${cells.map((cell, index) => html`<td data-title="${titles[index] ?? ''}">${cell}</td>`)}</tr>`,
  )}</tbody>
</table>`;
}

/** A word in a frame of its own colour; the word says it, the colour only helps. */
export const mark = (word: string, kind: 'good' | 'bad' | 'wait' | 'plain' = 'plain'): Html =>
  html`<span class="mark ${kind}">${word}</span>`;
