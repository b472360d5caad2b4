import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { approveStep, refuseStep } from '../../client/approvals.ts';
import type { Identity, OperatorIdentity } from '../../client/identity.ts';
import { entryOfNoRun, write } from '../../gate/audit.ts';
import { press } from '../../gate/switches.ts';
import {
  type Answer,
  addConsoleDoor,
  fieldsOf,
  type PlayedConsole,
  playConsole,
} from '../support/console.ts';
import { liftAll } from '../support/lift-all.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { theStepOf } from '../support/words.ts';

let stage: Stage;
let door: Identity;
let gate: PlayedConsole;
let incident: string;
const needsWord = 'incidents: read\nincidents.add_note: { level: full, approval: required }';
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'note-bot': needsWord,
      'pair-bot': 'incidents.add_note: { level: full, approval: { by: [lead, deputy], people: 2 } }',
      'deputy-bot': 'incidents.add_note: { level: full, approval: { by: [deputy] } }',
      'own-bot': needsWord,
      'hold-bot':
        'incidents: read\nservices: read\noncalls: read\nincidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }',
    },
    operators: { lead: 'pagerduty_user: PLEAD01', deputy: '', stranger: '' },
  });
  stage.editConfig((text) => text.replace('  own-bot:\n', '  own-bot:\n    pagerduty_user: PLEAD01\n'));
  door = addConsoleDoor(stage, ['lead', 'deputy']);
  await stage.startWorker();
  gate = await playConsole(stage, { door });
});
afterAll(async () => {
  await gate.close();
  expect(gate.faults).toEqual([]);
  await stage.close();
});
beforeEach(async () => {
  incident = await stage.trigger();
});

const startNote = (agent = 'note-bot') =>
  stage.start(agent, 'addNote', { account: 'main', incident, note: 'Rolled back.', approvalSeconds: 300 });
const notes = (): readonly string[] => stage.simulator.world.notes(incident);
const get = (path: string, cookie: string, headers = {}) => gate.send('GET', path, { cookie, ...headers });
const post = (path: string, cookie: string, form: Readonly<Record<string, string>>, headers = {}) =>
  gate.send('POST', path, { cookie, origin: gate.url, ...headers }, form);
const linkOf = (name: string): string => gate.invite(name).split('link=')[1] ?? '';

describe('the way in', () => {
  test('is a link that works once, and whose look does not use it up', async () => {
    const path = gate.invite('lead');
    const [first, second] = [await gate.send('GET', path), await gate.send('GET', path)];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.text).toContain('Sign in as lead');
    const form = fieldsOf(first.text, '/sign-in');
    const came = await gate.send('POST', '/sign-in', { origin: gate.url }, form);
    expect(came).toMatchObject({ status: 303, headers: { location: '/' } });
    const [set = ''] = came.headers['set-cookie'] ?? [];
    expect(set).toMatch(/; Max-Age=28800; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = set.split(';')[0] ?? '';
    expect((await get('/', cookie)).text).toContain('Waiting for a word');
    const again = await gate.send('POST', '/sign-in', { origin: gate.url }, form);
    expect(again.status).toBe(403);
    expect(again.text).toContain('The link was used already, and each works once.');
    expect(again.headers['set-cookie']).toBeUndefined();
    expect((await gate.send('GET', path)).status).toBe(403);
  });

  test('ends after five minutes', async () => {
    let at = Date.now();
    const other = await playConsole(stage, { now: () => at });
    const [, link = ''] = other.invite('lead').split('link=');
    at += 5 * 60_000 + 1;
    const late = await other.send('POST', '/sign-in', { origin: other.url }, { link });
    expect([late.status, late.headers['set-cookie']]).toEqual([403, undefined]);
    expect(late.text).toContain('The link is too old: each works for five minutes.');
    await other.close();
  });

  test('leads nowhere for whoever makes up a link, and too many tries are refused at once', async () => {
    const other = await playConsole(stage);
    const tried = async () => (await other.send('GET', `/sign-in?link=${'A'.repeat(43)}`)).status;
    expect(await tried()).toBe(403);
    const more = await Promise.all(Array.from({ length: 40 }, tried));
    expect(more).toContain(429);
    await other.close();
    const refused = (await stage.audit({ decision: 'denied' })).filter(({ rule }) => rule === 'link');
    expect(refused.map(({ sentence }) => sentence)).toContain(
      'nobody via console may not call: the link is none of this console’s.',
    );
  });

  test('ends with the session: by its own end, and by signing out', async () => {
    let at = Date.now();
    const other = await playConsole(stage, { now: () => at });
    const cookie = await other.signIn('lead');
    const status = async (): Promise<number> => (await other.send('GET', '/agents', { cookie })).status;
    expect(await status()).toBe(200);
    at += 8 * 3_600_000 + 1;
    expect(await status()).toBe(401);
    const next = await other.signIn('lead');
    const { text } = await other.send('GET', '/agents', { cookie: next });
    const headers = { cookie: next, origin: other.url };
    expect((await other.send('POST', '/sign-out', headers, { form: 'forged' })).status).toBe(403);
    expect((await other.send('POST', '/sign-out', headers, fieldsOf(text, '/sign-out'))).status).toBe(200);
    expect((await other.send('GET', '/agents', { cookie: next })).status).toBe(401);
    await other.close();
  });

  test.each<readonly [string, string, () => Promise<unknown> | void, () => Promise<unknown> | void, RegExp]>([
    [
      'an operator who is taken out of the configuration',
      'stranger',
      () => stage.editConfig((text) => text.replace('  stranger:\n', '  another:\n')),
      () => stage.editConfig((text) => text.replace('  another:\n', '  stranger:\n')),
      /stranger is no operator of the configuration/,
    ],
    [
      'an operator for whom the door may speak no more',
      'lead',
      () => stage.editConfig((text) => text.replace('operators: [lead, deputy]', 'operators: [deputy]')),
      () => stage.editConfig((text) => text.replace('operators: [deputy]', 'operators: [lead, deputy]')),
      /the front door console may not speak for lead/,
    ],
    [
      'an operator who is disabled',
      'deputy',
      () =>
        press(stage.store, { kind: 'disable', name: 'deputy', by_whom: 'lead', reason: 'lost the laptop' }),
      () => liftAll(stage, 'disable', 'deputy'),
      /deputy is disabled since \S+Z by lead \(lost the laptop\)/,
    ],
  ])(
    'ends at once, with a sentence, for %s, and does not begin again by itself',
    async (_who, name, end, mend, why) => {
      // Who is of the door signs by it, and who is not by their own key.
      const own = name === 'stranger';
      const other = await playConsole(stage, own ? { signerFor: () => stage.operator(name) } : { door });
      const cookie = await other.signIn(name);
      const see = (): Promise<Answer> => other.send('GET', '/audit', { cookie });
      expect((await see()).status).toBe(200);
      const live = await fetch(`${other.url}/live`, { headers: { cookie } });
      const link = other.invite(name).split('link=')[1] ?? '';
      await end();
      const refused = await see();
      expect(refused.status).toBe(401);
      expect(refused.text).toMatch(new RegExp(`You are signed out: ${why.source}\\.`));
      expect(refused.text).not.toContain('class="feed"');
      // A page that is open is told, and asks no more.
      expect(await live.text()).toMatch(/event: over\ndata: signed out\n\n$/);
      const came = await other.send('POST', '/sign-in', { origin: other.url }, { link });
      expect([came.status, came.headers['set-cookie']]).toEqual([403, undefined]);
      expect(came.text).toMatch(new RegExp(`Nobody was signed in: ${why.source}\\.`));
      const records = await stage.audit({ decision: 'denied' });
      expect(records.filter(({ rule, agent }) => rule === 'session' && agent === name)).toEqual([
        expect.objectContaining({ via: 'console', sentence: expect.stringMatching(why) }),
      ]);
      await mend();
      expect((await see()).text).toMatch(why);
      expect((await other.send('GET', '/audit', { cookie: await other.signIn(name) })).status).toBe(200);
      await other.close();
    },
  );

  test('stands in the record, and no secret of it does', async () => {
    const cookie = await gate.signIn('deputy');
    const [, secret = ''] = cookie.split('=');
    const records = await stage.audit();
    expect(records.at(-1)).toMatchObject({
      agent: 'deputy',
      via: 'console',
      operation: 'console.sign_in',
      sentence: 'deputy signed in to the console, by a link that it had printed.',
    });
    expect(secret).toHaveLength(43);
    expect(JSON.stringify(records)).not.toContain(secret);
    for (const path of ['/', '/agents', '/audit', '/held', '/budget', '/runs'])
      expect((await get(path, cookie)).text).not.toContain(secret);
  });
});

describe('nobody else', () => {
  test.each(['/', '/agents', '/audit', '/held', '/budget', '/runs', '/live', '/nothing'])(
    'sees %s without a session',
    async (path) => {
      const answer = await gate.send('GET', path);
      expect(answer.status).toBe(401);
      expect(answer.text).toContain('You are not signed in.');
      expect(answer.text).not.toMatch(/note-bot|oncall\.yaml/);
      expect((await get(path, 'oncall_console=guessed')).status).toBe(401);
    },
  );

  test.each([
    ['a foreign page', { origin: 'https://evil.example' }],
    ['a page of another port of this machine', { origin: 'http://127.0.0.1:9' }],
    ['a page that hides where it is from', { origin: 'null' }],
    [
      'a page that is told by the browser alone',
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' },
    ],
    ['a host name that was bound to this machine', { host: 'evil.example' }],
  ])('reads or writes from %s, session or not', async (_what, headers) => {
    const cookie = await gate.signIn('lead');
    for (const who of [cookie, '']) {
      expect((await get('/audit', who, headers)).status).toBe(403);
      const form = { link: linkOf('lead') };
      expect((await post('/sign-in', who, form, headers)).status).toBe(403);
      // The link is still good: what was refused did not use it up.
      expect((await post('/sign-in', who, form)).status).toBe(303);
    }
  });

  test('writes without saying from where, or without the form of the session', async () => {
    const run = await startNote();
    await theStepOf(stage, run);
    const [mine, other] = [await gate.signIn('lead'), await gate.signIn('lead')];
    const page = (await get('/', mine)).text;
    const form = fieldsOf(page, '/approve', run.workflowId.slice(0, 20));
    expect((await gate.send('POST', '/approve', { cookie: mine }, form)).status).toBe(403);
    expect((await post('/approve', other, form)).status).toBe(403);
    expect((await post('/approve', mine, { ...form, form: '' })).status).toBe(403);
    expect((await post('/approve', '', form)).status).toBe(401);
    expect(notes()).toEqual([]);
    await run.cancel();
  });

  test('frames the pages or runs anything in them', async () => {
    const { headers } = await get('/', await gate.signIn('lead'));
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('a step that waits', () => {
  /** Waits until the run's step is on the page, and gives its form. */
  async function stepOn(cookie: string, run: { readonly workflowId: string }, action = '/approve') {
    const step = await theStepOf(stage, run);
    const { text } = await get('/', cookie);
    const [, article = ''] = text.split(`<article class="card" aria-labelledby="step-${step.id}">`);
    const [own = ''] = article.split('</article>');
    return { step, own, form: fieldsOf(own, action) };
  }
  const toldOn = async (cookie: string): Promise<string> =>
    /class="told[^>]*>([^<]*)</.exec((await get('/', cookie)).text)?.[1] ?? '';

  test('shows what the operator signs, is approved from the page, and the record says through which door', async () => {
    const cookie = await gate.signIn('lead');
    const run = await startNote();
    const { step, own, form } = await stepOn(cookie, run);
    expect(own).toContain(`${step.id}  note-bot may add a note to incident #`);
    expect(own).toContain('would send: createIncidentNote');
    expect(own).toContain('http://127.0.0.1:8233/namespaces/');
    expect(await post('/approve', cookie, form)).toMatchObject({ status: 303, headers: { location: '/' } });
    expect(await toldOn(cookie)).toMatch(/, approved by lead\. PagerDuty answered 20\d\.$/);
    expect(await toldOn(cookie)).toBe('');
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(notes()).toHaveLength(1);
    const allowed = (await stage.audit({ run: run.workflowId, decision: 'allowed' })).find(
      ({ operation }) => operation === 'createIncidentNote',
    );
    expect(allowed?.approvals).toEqual([{ operator: 'lead', jti: expect.any(String), via: 'console' }]);
  });

  test('is denied from the page with a reason, and not without', async () => {
    const cookie = await gate.signIn('lead');
    const run = await startNote();
    const { form } = await stepOn(cookie, run, '/deny');
    await post('/deny', cookie, { ...form, reason: '  ' });
    expect(await toldOn(cookie)).toBe('Nothing was denied: say why, in 1 to 400 characters.');
    await post('/deny', cookie, { ...form, reason: 'the customer is still down' });
    expect(await toldOn(cookie)).toMatch(/But lead refused it: the customer is still down\.$/);
    expect(await run.result()).toMatchObject({ outcome: 'approval_refused' });
    expect(notes()).toEqual([]);
  });

  test('that two people must approve says so, and whose word it lacks yet', async () => {
    const [lead, deputy] = [await gate.signIn('lead'), await gate.signIn('deputy')];
    const run = await startNote('pair-bot');
    const first = await stepOn(lead, run);
    expect(first.own).toContain('It lacks the word of 2 people, each for themselves, of lead and deputy.');
    await post('/approve', lead, first.form);
    expect(await toldOn(lead)).toMatch(/once deputy approves/);
    expect(notes()).toEqual([]);
    const { own } = await stepOn(lead, run);
    expect(own).toContain('It lacks the word of deputy.');
    expect(own).toContain('Your word, lead, does not count here, or you have given it already.');
    expect(own).not.toContain('action="/approve"');
    await post('/approve', deputy, (await stepOn(deputy, run)).form);
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(notes()).toHaveLength(1);
  });

  test.each([
    [
      'deputy-bot',
      /^The word of lead counts for nothing: .* deputy-bot may add a note .* once deputy approves: /,
    ],
    [
      'own-bot',
      /^The word of lead counts for nothing: .* own-bot may add a note .* once one of deputy and stranger approves: /,
    ],
  ])('of %s is not approved by who may not, also where the form is made up', async (agent, sentence) => {
    const cookie = await gate.signIn('lead');
    const run = await startNote(agent);
    const { own } = await stepOn(cookie, run);
    expect(own).not.toContain('action="/approve"');
    if (agent === 'own-bot')
      expect(own).toContain('own-bot is your own agent, and nobody approves what their own agent asks for.');
    await post('/approve', cookie, fieldsOf(own, '/deny'));
    expect(await toldOn(cookie)).toMatch(sentence);
    expect(notes()).toEqual([]);
    await run.cancel();
  });

  test('is not approved by somebody who may not be here any more', async () => {
    const cookie = await gate.signIn('lead');
    const run = await startNote();
    const { form } = await stepOn(cookie, run);
    const text = stage.configText();
    stage.editConfig((before) =>
      before.replace('may_speak_for_operators: [lead, deputy]', 'may_speak_for_operators: [deputy]'),
    );
    const answer = await post('/approve', cookie, form);
    expect(answer.status).toBe(401);
    expect(answer.text).toContain('You are signed out: the front door console may not speak for lead.');
    expect(notes()).toEqual([]);
    stage.editConfig(() => text);
    expect((await post('/approve', cookie, form)).status).toBe(401);
    await run.cancel();
  });

  test.each<readonly [string, () => Promise<OperatorIdentity>, RegExp]>([
    [
      'the door, for an operator it may not speak for',
      async () => ({ ...door, name: 'stranger', door: { name: 'console', session: 's' } }),
      /The word of stranger counts for nothing: the front door console may not speak for stranger\./,
    ],
    [
      'an agent, as if it were the door',
      async () => ({
        name: 'lead',
        key: stage.agent('note-bot').key,
        door: { name: 'console', session: 's' },
      }),
      /The word of lead counts for nothing: the statement was not signed with the key that the configuration holds\./,
    ],
    [
      'a door that is none',
      async () => ({ ...door, name: 'lead', door: { name: 'mcp', session: 's' } }),
      /The word of lead counts for nothing: the configuration knows no front door mcp\./,
    ],
    [
      'the door, as if it were the operator',
      async () => ({ name: 'lead', key: door.key }),
      /The word of lead counts for nothing: the statement was not signed with the key that the configuration holds\./,
    ],
  ])('is not approved by what is signed by %s', async (_what, signer, sentence) => {
    const run = await startNote();
    const step = await theStepOf(stage, run);
    const answer = await approveStep(stage.client, await signer(), step);
    expect(answer).toMatchObject({ step: 'waits', sentence: expect.stringMatching(sentence) });
    expect(notes()).toEqual([]);
    await run.cancel();
  });

  test('that is another than was shown is not approved', async () => {
    const cookie = await gate.signIn('lead');
    const run = await startNote();
    const { step, form } = await stepOn(cookie, run);
    await post('/approve', cookie, { ...form, claim: '0'.repeat(64) });
    expect(await toldOn(cookie)).toBe(
      `What ${step.id} was about has changed since you saw it; nothing was signed. Look again.`,
    );
    await post('/approve', cookie, { ...form, id: 'abcdef' });
    expect(await toldOn(cookie)).toMatch(/^Nothing waits for approval under abcdef; /);
    expect(notes()).toEqual([]);
    await run.cancel();
  });

  test('is only looked at where the console signs for nobody', async () => {
    const other = await playConsole(stage);
    const cookie = await other.signIn('lead');
    const run = await startNote();
    const step = await theStepOf(stage, run);
    const { text } = await other.send('GET', '/', { cookie });
    expect(text).toContain('This console signs for nobody, so it cannot approve');
    expect(text).not.toContain('action="/approve"');
    expect(text).toContain(`Deny ${step.id}`);
    await other.close();
    await run.cancel();
  });
});

describe('the pages', () => {
  test('show every agent’s reach for every action, with its conditions in words', async () => {
    const { text } = await get('/agents', await gate.signIn('lead'));
    expect(text).toContain('<th scope="col">pair-bot</th>');
    const row = /<th scope="row">incidents\.add_note<\/th>(.*?)<\/tr>/.exec(text)?.[1] ?? '';
    expect(row.match(/>Full</g)).toHaveLength(4);
    expect(row).toContain('<li>with approval by 2 people, of lead or deputy</li>');
    expect(/<th scope="row">teams\.create<\/th>(.*?)<\/tr>/.exec(text)?.[1]?.match(/>Off</g)).toHaveLength(5);
  });

  test('show the record by agent, decision, operation, incident and time', async () => {
    const cookie = await gate.signIn('lead');
    const run = await startNote('pair-bot');
    await theStepOf(stage, run);
    const found = async (query: string): Promise<string> => {
      const { text } = await get(`/audit?${query}`, cookie);
      return text.slice(text.indexOf('<ol class="feed"'));
    };
    const mine = `incident=${incident}`;
    expect(await found(mine)).toContain('pair-bot may add a note to incident');
    for (const [yes, no] of [
      ['agent=pair-bot', 'agent=note-bot'],
      ['decision=approval_needed', 'decision=denied'],
      ['what=createIncidentNote', 'what=updateIncident'],
      ['what=incidents.add_note', 'what=services'],
      ['since=1h', 'since=2100-01-01'],
      [`run=${encodeURIComponent(run.workflowId)}`, 'run=another'],
    ]) {
      expect(await found(`${mine}&${yes}`)).toContain('pair-bot may add a note');
      expect(await found(`${mine}&${no}`)).not.toContain('pair-bot may add a note');
    }
    const { text } = await get('/audit?since=tomorrow', cookie);
    expect(text).toContain(
      'Since takes a time such as 2026-11-23T14:00:00Z, or an age such as 30m; not &quot;tomorrow&quot;.',
    );
    await run.cancel();
  });

  test('show what comes from outside as text', async () => {
    const evil = '<script>alert(1)</script><img src=x onerror=alert(2)>';
    incident = await stage.trigger({ summary: evil });
    const cookie = await gate.signIn('lead');
    const run = await startNote();
    await theStepOf(stage, run);
    await write(
      stage.store,
      entryOfNoRun({
        agent: evil,
        via: evil,
        step: 'x',
        operation: evil,
        decision: 'denied',
        rule: 'rule',
        sentence: `${evil} may not.`,
        requestDigest: 'x',
      }),
    );
    const asked = encodeURIComponent(`"'>${evil}`);
    for (const path of [
      '/',
      '/audit',
      '/runs',
      `/audit?agent=${asked}&decision=${asked}&run=${asked}`,
      `/runs?outcome=${asked}`,
      `/sign-in?link=${asked}`,
    ]) {
      const { text } = await get(path, cookie);
      expect(text).not.toMatch(/<script>|<img/);
    }
    expect((await get('/', cookie)).text).toContain('&lt;script&gt;alert(1)');
    expect((await get('/audit', cookie)).text).toContain('&lt;script&gt;alert(1)');
    await run.cancel();
  });

  test('show what an account has used and left, and what is held and given back', async () => {
    const cookie = await gate.signIn('lead');
    const page = async (path: string): Promise<string> => (await get(path, cookie)).text;
    await until('the budget is known', async () =>
      /<meter min="0" max="960" value="\d+"/.test(await page('/budget')),
    );
    const text = await page('/budget');
    const [, used, left] = /data-title="Used">(\d+) of 960<.*<\/meter>\s*(\d+)/s.exec(text) ?? [];
    expect(Number(used) + Number(left)).toBe(960);
    expect(text).toContain('the account’s');
    expect(text).not.toContain(stage.home);
    expect(text).toContain('oncall-urgent-main');
    expect(await page('/held')).toContain('No run holds an incident: what is open is with people.');
    const run = await stage.start('hold-bot', 'acknowledgeIncident', { account: 'main', incident });
    await until('it is held', async () => (await page('/held')).includes(incident));
    expect(await page('/held')).toMatch(new RegExp(`${incident}.*hold-bot.*\\(in \\d+ (s|min)\\)`, 's'));
    await run.cancel();
    await until('it is given back', async () =>
      /runner gives incident #\d+ .* back to people/.test(await page('/held')),
    );
    // Written down first, then done.
    await until('people have it', () => stage.simulator.world.incident(incident)?.status === 'triggered');
  });

  test('that come while too many are open ask again later by themselves', async () => {
    const other = await playConsole(stage, { door });
    const cookie = await other.signIn('lead');
    const leaving = new AbortController();
    const listen = (): Promise<Response> =>
      fetch(`${other.url}/live`, { headers: { cookie }, signal: leaving.signal });
    const open = await Promise.all(Array.from({ length: 32 }, listen));
    expect(open.map(({ status }) => status)).toEqual(open.map(() => 200));
    const late = await listen();
    // Whatever else a browser is answered, it never asks again.
    expect([late.status, late.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(await late.text()).toMatch(/^retry: 30000$/m);
    leaving.abort();
    await other.close();
  });

  test('bring each new record once, also to a browser that was away meanwhile', async () => {
    const cookie = await gate.signIn('lead');
    const [, path = ''] = /data-live="([^"]+)"/.exec((await get('/audit?agent=away-bot', cookie)).text) ?? [];
    const put = (sentence: string) =>
      write(
        stage.store,
        entryOfNoRun({
          agent: 'away-bot',
          step: 'x',
          operation: 'listIncidents',
          decision: 'denied',
          rule: 'rule',
          sentence,
          requestDigest: 'x',
        }),
      );
    /** What comes until a sentence has come, as the browser hears it. */
    const heard = async (sentence: string, headers = {}): Promise<string> => {
      const leaving = new AbortController();
      const answer = await fetch(`${gate.url}${path.replaceAll('&amp;', '&')}`, {
        headers: { cookie, ...headers },
        signal: leaving.signal,
      });
      let text = '';
      for await (const piece of answer.body ?? []) {
        text += Buffer.from(piece).toString();
        if (text.includes(sentence)) break;
      }
      leaving.abort();
      return text;
    };
    await put('One.');
    const first = await heard('One.');
    await put('Two.');
    const [, last = ''] = /^id: (\d+)$/m.exec(first) ?? [];
    const second = await heard('Two.', { 'last-event-id': last });
    expect(second).not.toContain('One.');
    expect(await heard('Two.')).toContain('One.');
  });

  test('list runs by their outcome', async () => {
    const cookie = await gate.signIn('lead');
    const run = await startNote();
    await refuseStep(stage.client, 'lead', await theStepOf(stage, run), 'not now');
    await run.result();
    const page = async (path: string): Promise<string> => (await get(path, cookie)).text;
    await until('it is listed', async () =>
      (await page('/runs?outcome=approval_refused')).includes(run.workflowId),
    );
    expect(await page('/runs?outcome=denied')).not.toContain(run.workflowId);
    expect(await page('/runs')).toMatch(/approval refused [1-9]/);
  });

  test('page through the record, each entry once', async () => {
    const cookie = await gate.signIn('lead');
    for (let count = 0; count < 120; count += 1)
      await write(
        stage.store,
        entryOfNoRun({
          agent: 'pages-bot',
          step: 'x',
          operation: 'listIncidents',
          decision: 'denied',
          rule: 'rule',
          sentence: `Entry ${count}.`,
          requestDigest: 'x',
        }),
      );
    const seen: string[] = [];
    let path: string | undefined = '/audit?agent=pages-bot';
    while (path !== undefined && seen.length < 200) {
      const { text }: { text: string } = await get(path, cookie);
      seen.push(...[...text.matchAll(/Entry \d+\./g)].map(([entry]) => entry));
      path = /<a href="([^"]+)">Older</.exec(text)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toEqual(Array.from({ length: 120 }, (_, index) => `Entry ${119 - index}.`));
  });

  test('say what is away, and show the rest', async () => {
    const away = await playConsole(stage, { door, address: '127.0.0.1:9' });
    const cookie = await away.signIn('lead');
    const text = async (path: string): Promise<string> => (await away.send('GET', path, { cookie })).text;
    expect(await text('/')).toMatch(/Temporal at 127\.0\.0\.1:9 does not answer this now: [^]*Kill switches/);
    expect(await text('/budget')).toContain('Temporal at 127.0.0.1:9 does not answer');
    await away.close();
    const settings = { home: `${stage.home}/nowhere`, databaseUrl: undefined };
    const looking = await playConsole(stage, { settings });
    const visitor = await looking.signIn('lead');
    expect((await looking.send('GET', '/agents', { cookie: visitor })).text).toMatch(
      /There is no audit in [^]*<th scope="row">incidents\.add_note<\/th>/,
    );
    await looking.close();
  });

  test('show nothing while it cannot be known who may look, and sign nobody out', async () => {
    const cookie = await gate.signIn('lead');
    const text = stage.configText();
    stage.editConfig((before) => `${before}nonsense: true\n`);
    const refused = await get('/agents', cookie);
    expect([refused.status, refused.headers['refresh']]).toEqual([503, '5']);
    expect(refused.text).toMatch(
      /Whether lead may look cannot be known now, so nothing is shown\. .*nonsense/s,
    );
    expect(refused.text).not.toContain('incidents.add_note');
    stage.editConfig(() => text);
    expect((await get('/agents', cookie)).text).toContain('incidents.add_note');
    const other = await playConsole(stage, {
      door,
      settings: { home: `${stage.home}/nowhere`, databaseUrl: undefined },
    });
    const [, link = ''] = other.invite('lead').split('link=');
    const came = await other.send('POST', '/sign-in', { origin: other.url }, { link });
    expect([came.status, came.headers['set-cookie']]).toEqual([503, undefined]);
    expect(came.text).toContain('so nothing is shown. There is no audit in ');
    await other.close();
  });
});
