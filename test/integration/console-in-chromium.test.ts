import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { entryOfNoRun, write } from '../../gate/audit.ts';
import { press } from '../../gate/switches.ts';
import { type BrowserWindow, type Chromium, startChromium, withoutChromium } from '../support/chromium.ts';
import { addConsoleDoor, type PlayedConsole, playConsole } from '../support/console.ts';
import { liftAll } from '../support/lift-all.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { theStepOf } from '../support/words.ts';

const pages = ['/', '/agents', '/audit', '/held', '/budget', '/runs'];
const phone = { width: 375, height: 812 };
const desk = { width: 1_280, height: 900 };

describe.skipIf(withoutChromium !== '')(`the console in Chromium${withoutChromium}`, () => {
  let stage: Stage;
  let gate: PlayedConsole;
  let browser: Chromium;
  let folder: string;
  const windows: BrowserWindow[] = [];
  beforeAll(async () => {
    stage = await setStage({
      agents: {
        'triage-bot': `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }
incidents.add_note: { level: full, approval: required }
incidents.resolve: { level: full, when: { urgency: [low], hours: "08:00-20:00 Europe/Berlin" }, cap: 20/hour, approval: { by: [lead, deputy], people: 2 } }`,
        'night-bot':
          'incidents: read\nevents.trigger: { level: full, routing_keys: [checkout], until: "2036-12-01" }',
        'report-bot': 'incidents: read\nschedules: read\nteams: read',
      },
      operators: { lead: '', deputy: '' },
    });
    const door = addConsoleDoor(stage, ['lead', 'deputy']);
    stage.editConfig((text) =>
      text.replace(
        /(  triage-bot:\n    public_key: .*\n)/,
        '$1    deny: [{ action: incidents.resolve, when: { services: [PLEDGER] } }]\n',
      ),
    );
    await stage.startWorker();
    gate = await playConsole(stage, { door });
    browser = await startChromium();
    folder = mkdtempSync(join(tmpdir(), 'oncall-console-'));
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await gate.close();
    expect(gate.faults).toEqual([]);
    await stage.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    for (const window of windows.splice(0)) {
      expect(window.complaints).toEqual([]);
      await window.close();
    }
  });

  const open = async (path: string, look = {}): Promise<BrowserWindow> => {
    const window = await browser.open(`${gate.url}${path}`, { viewport: desk, ...look });
    windows.push(window);
    return window;
  };
  /** Signs in by keys alone: the button has the focus already. */
  const signedIn = async (name = 'lead', look = {}): Promise<BrowserWindow> => {
    const window = await open(gate.invite(name), look);
    await window.focusOn(`Sign in as ${name}`);
    await window.press('Enter');
    await window.page.waitForURL(`${gate.url}/`);
    return window;
  };
  const shows = (window: BrowserWindow, words: string | RegExp): Promise<unknown> =>
    until(
      () => `the page shows ${String(words)}`,
      async () => new RegExp(words).test(await window.text()),
    );
  const note = (agent: string, incident: string) =>
    stage.start(agent, 'addNote', { account: 'main', incident, note: 'Rolled back.', approvalSeconds: 300 });

  test('lets nobody in without a link, and by a link once', async () => {
    const window = await browser.open(gate.url, { viewport: desk });
    expect(await window.text()).toContain('You are not signed in.');
    const path = gate.invite('lead');
    await window.goto(`${gate.url}${path}`);
    expect(await window.text()).toContain('You come as lead.');
    await window.focusOn('Sign in as lead');
    await window.press('Enter');
    await window.page.waitForURL(`${gate.url}/`);
    expect(await window.text()).toContain('Waiting for a word');
    const [cookie] = await window.page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    const other = await browser.open(`${gate.url}${path}`);
    expect(await other.text()).toContain('The link was used already');
    await other.close();
    // Chromium itself writes down each page that was refused, and nothing else.
    expect(window.complaints).toEqual([expect.stringContaining('401 (Unauthorized)')]);
    await window.close();
  });

  test.each([
    ['while it listens', 1],
    ['before it listens', 2],
  ])('takes what it shows away, and says why, when who looks at it is disabled %s', async (when, refused) => {
    const window = await browser.open(`${gate.url}${gate.invite('deputy')}`, { viewport: desk });
    const disable = (): Promise<unknown> =>
      press(stage.store, { kind: 'disable', name: 'deputy', by_whom: 'lead', reason: 'lost the laptop' });
    await window.page.route(
      '**/live',
      async (route) => {
        if (when === 'before it listens') await disable();
        await route.continue();
      },
      { times: 1 },
    );
    const listening = window.page.waitForResponse('**/live');
    await window.focusOn('Sign in as deputy');
    await window.press('Enter');
    await listening;
    if (when === 'while it listens') await disable();
    try {
      await shows(window, /You are signed out: deputy is disabled since \S+Z by lead \(lost the laptop\)\./);
    } finally {
      await liftAll(stage, 'disable', 'deputy');
    }
    expect(await window.text()).not.toContain('Waiting for a word');
    expect(window.complaints).toEqual(
      Array.from({ length: refused }, () => expect.stringContaining('401 (Unauthorized)')),
    );
    await window.close();
  });

  test('approves by the keyboard alone, and PagerDuty has the note', async () => {
    const incident = await stage.trigger({ summary: 'Checkout answers slowly' });
    const run = await note('triage-bot', incident);
    const { id } = await theStepOf(stage, run);
    const window = await signedIn();
    await shows(window, `${id} of triage-bot`);
    await window.tabTo(`Approve ${id}`);
    await window.press('Enter');
    await shows(window, /approved by lead\. PagerDuty answered 20\d\./);
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(stage.simulator.world.notes(incident)).toHaveLength(1);
    expect(await window.text()).toContain('Nothing waits for approval.');
  });

  test('denies by the keyboard alone, with what was written there', async () => {
    const incident = await stage.trigger();
    const run = await note('triage-bot', incident);
    const { id } = await theStepOf(stage, run);
    const window = await signedIn('deputy');
    await window.tabTo('reason');
    await window.page.keyboard.type('not while the vote runs');
    await window.tabTo(`Deny ${id}`);
    await window.press('Enter');
    await shows(window, 'But deputy refused it: not while the vote runs.');
    expect(await run.result()).toMatchObject({ outcome: 'approval_refused' });
    expect(stage.simulator.world.notes(incident)).toEqual([]);
  });

  test('says by itself that something waits, and shows each new record as it comes', async () => {
    const window = await signedIn();
    await window.goto(`${gate.url}/audit?agent=live-bot`);
    expect(await window.text()).toContain('Nothing in the audit fits.');
    const entry = (agent: string, sentence: string) =>
      write(
        stage.store,
        entryOfNoRun({
          agent,
          step: 'x',
          operation: 'listIncidents',
          decision: 'denied',
          rule: 'rule',
          sentence,
          requestDigest: 'x',
        }),
      );
    await entry('other-bot', 'Not for this feed.');
    await entry('live-bot', '<script>document.title = "run"</script> came live.');
    await shows(window, '<script>document\\.title = "run"</script> came live\\.');
    expect(await window.text()).not.toContain('Not for this feed.');
    expect(await window.page.title()).toBe('Audit · oncall');
    const run = await note('triage-bot', await stage.trigger());
    await theStepOf(stage, run);
    await shows(window, 'A run waits for approval\\. Show it');
    await window.tabTo('Show it');
    await window.press('Enter');
    await window.page.waitForURL(`${gate.url}/`);
    await shows(window, 'of triage-bot');
    await run.cancel();
    await shows(window, 'What waits here has changed\\. Show it');
  });

  test('shows a script in a title as text, also where somebody signs it', async () => {
    const title = '<script>document.title = "run"</script><img src=x onerror="document.title=2">';
    const incident = await stage.trigger({ summary: title });
    const run = await note('triage-bot', incident);
    await theStepOf(stage, run);
    const window = await signedIn();
    await shows(window, '“<script>document\\.title = "run"</script><img');
    for (const path of pages) {
      await window.goto(`${gate.url}${path}`);
      expect(await window.page.title()).toMatch(/ · oncall$/);
      expect(await window.page.locator('main script, main img').count()).toBe(0);
    }
    await run.cancel();
  });

  test('shows the matrix, and what each cell hangs on', async () => {
    const window = await signedIn();
    await window.goto(`${gate.url}/agents`);
    const row = window.page.locator('tr', {
      has: window.page.getByRole('rowheader', { name: 'incidents.resolve' }),
    });
    expect((await row.innerText()).replace(/\s+/g, ' ').trim()).toBe(
      'incidents.resolve Full when the urgency is low and it is 08:00-20:00 Europe/Berlin at most 20/hour with approval by 2 people, of lead or deputy never when the service is PLEDGER Off Off',
    );
  });

  test('fits a phone, in light and in dark, and pictures of it can be looked at', async () => {
    const incident = await stage.trigger({ summary: 'Checkout: p99 latency above 2 s in eu-west' });
    const run = await note('triage-bot', incident);
    await theStepOf(stage, run);
    const held = await stage.trigger({ summary: 'Ledger: replication lag', severity: 'warning' });
    const holding = await stage.start('triage-bot', 'respondToIncident', {
      account: 'main',
      incident: held,
      assess: 'rules',
      watchSeconds: 0,
    } as never);
    const shots = process.env['ONCALL_PICTURES'] ?? folder;
    const window = await signedIn('lead', { viewport: phone });
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [size, viewport] of Object.entries({ phone, desk })) {
        await window.setLook({ viewport, colorScheme });
        for (const path of pages) {
          await window.goto(`${gate.url}${path}`);
          expect([path, size, await window.excess()]).toEqual([path, size, 0]);
          await window.picture(join(shots, `${path.slice(1) || 'approvals'}-${size}-${colorScheme}.png`));
        }
      }
    }
    if (process.env['ONCALL_PICTURES']) {
      await window.setLook({ viewport: { width: 1_000, height: 700 }, colorScheme: 'light' });
      await window.goto(gate.url);
      await window.picture(fileURLToPath(new URL('../../docs/console.png', import.meta.url)));
    }
    await run.cancel();
    await holding.cancel();
  });
});
