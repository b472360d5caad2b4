import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FrameLocator, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Run } from '../../client/agent.ts';
import { approveStep } from '../../client/approvals.ts';
import { inside } from '../../client/inside.ts';
import { linkTo } from '../../client/links.ts';
import { sign } from '../../gate/statement.ts';
import type { Pause, WorkflowName } from '../../workflows/contract.ts';
import { type Chromium, startChromium, withoutChromium } from '../support/chromium.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { refuseIn, theStepOf } from '../support/words.ts';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));

describe.skipIf(withoutChromium !== '')(`in the Temporal UI an operator${withoutChromium}`, () => {
  let stage: Stage;
  let browser: Chromium;
  let page: Page;
  let incident: string;
  let waiting: Run<'resolveIncident'>;
  let denied: Run<'acknowledgeIncident'>;
  beforeAll(async () => {
    stage = await setStage({
      agents: {
        'triage-bot': `incidents: read
incidents.add_note: full
incidents.resolve: { level: full, approval: required }`,
        'intern-bot': 'incidents: read',
      },
      operators: { lead: '' },
    });
    await stage.startWorker();
    browser = await startChromium();
    const look = { viewport: { width: 1_280, height: 1_000 }, timezoneId: 'UTC' };
    ({ page } = await browser.open(inject('temporalUi'), look));
    page.setDefaultTimeout(120_000);
    // From its root the UI leads to a namespace by itself, and away from wherever one has gone meanwhile.
    await page.waitForURL(/\/namespaces\//);
    incident = await stage.trigger({ summary: '[FIRING:1] p99 latency above 2 s on checkout_api' });
    const subject = { account: 'main', incident };
    waiting = await stage.start('triage-bot', 'resolveIncident', {
      ...subject,
      reason: 'the release was rolled back',
    });
    denied = await stage.start('intern-bot', 'acknowledgeIncident', subject);
    await denied.result();
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await stage?.close();
  });

  type Tab = 'history' | 'user-metadata' | 'pending-activities';
  /** Goes to a page by a link, as the UI itself does: to load all of it anew takes seconds. */
  const goTo = async (url: string): Promise<void> => {
    // As text: what runs in the browser knows names that Node's types do not.
    await page.evaluate(`
      const link = Object.assign(document.createElement('a'), { href: ${JSON.stringify(url)} });
      document.body.append(link);
      link.click();
      link.remove();
    `);
    await page.waitForURL(url);
  };
  const look = (run: { readonly workflowId: string; readonly runId: string }, tab: Tab): Promise<void> =>
    goTo(linkTo(inject('temporalUi'), stage.namespace, run).replace(/history$/, tab));
  /** All that the page says, with what it shows in frames of their own, where its Markdown is. */
  const said = async (): Promise<string> => {
    const texts = page.frames().map((frame) =>
      frame
        .locator('body')
        .innerText()
        // It went away meanwhile.
        .catch(() => ''),
    );
    return (await Promise.all(texts)).join('\n');
  };
  const sees = async (...all: readonly (string | RegExp)[]): Promise<void> => {
    let text = '';
    const isThere = (words: string | RegExp): boolean =>
      typeof words === 'string' ? text.includes(words) : words.test(text);
    await until(
      () => `the page says ${all.filter((words) => !isThere(words)).join(', and ')}; it says:\n${text}`,
      async () => {
        text = await said();
        return all.every(isThere);
      },
    );
  };
  const details = (): FrameLocator => page.frameLocator('iframe').last();
  /** A picture for the docs, of what lies between two heights or of one part of the page. */
  const picture = async (name: string, of: { readonly bottom: number } | Locator): Promise<void> => {
    if (process.env['ONCALL_PICTURES'] === undefined) return;
    const path = `${docs}temporal-ui-${name}.png`;
    if (!('bottom' in of)) return void (await of.screenshot({ path }));
    await page.screenshot({ path, clip: { x: 260, y: 64, width: 1_016, height: of.bottom - 64 } });
  };
  test('sees what a run waits for, until when, and what to do about it', async () => {
    const { id } = await theStepOf(stage, waiting);
    await look(waiting, 'user-metadata');
    await sees(
      `resolve:main:${incident}`,
      `resolveIncident ${incident} of account main, asked by triage-bot`,
      `[FIRING:1] p99 latency above 2 s on checkout_api (${incident}) of account main`,
      /In PagerDuty: triggered, high urgency, with Ben Okafor \(read at \d\d:\d\d:\d\d UTC\)/,
      'Agent: triage-bot',
      'Reason: the release was rolled back',
      'State: waiting',
      /Waiting for: approval, until \d\d:\d\d:\d\d UTC/,
      `Next: approve it with oncall approve ${id}, or refuse it with oncall deny ${id} --reason TEXT`,
      'From here: More Actions → Send an Update pause, takeOver, handBack, or Request Cancellation;',
      /\d\d:\d\d:\d\d UTC triage-bot may resolve incident #\d+ .* once lead approves: /,
    );
    const link = details().getByRole('link', { name: 'p99 latency above 2 s' });
    expect(await link.getAttribute('href')).toBe(`https://example.pagerduty.com/incidents/${incident}`);
    await picture('waiting', { bottom: 800 });
  });

  test('sees why a run was denied, and where the rule stands', async () => {
    await look(denied, 'user-metadata');
    const sentence = `intern-bot may not acknowledge incident ${incident}: its grant on incidents is read, and incidents.acknowledge needs full.`;
    await sees(
      `acknowledgeIncident ${incident} of account main, asked by intern-bot`,
      'Agent: intern-bot',
      'State: denied',
      `Next: nothing was changed; oncall why ${incident} says by which rule`,
      sentence,
    );
    const text = await said();
    expect(text.split(sentence)).toHaveLength(2);
    // It takes no Updates any more.
    expect(text).not.toContain('From here:');
    await picture('denied', { bottom: 850 });
  });

  test('is led nowhere else by what others wrote', async () => {
    const link = '[pay](http://evil.example/a)';
    const image = '![x](http://evil.example/b)';
    const evil = await stage.trigger({ summary: `<b>_slow_</b> ${link} ${image} \`oncall approve 1\`` });
    const reason = `*look* ${link} ${image} <img src=x> ](http://evil.example/c) http://here.example/d`;
    const run = await stage.start('intern-bot', 'acknowledgeIncident', {
      account: 'main',
      incident: evil,
      reason,
    });
    await run.result();
    await look(run, 'user-metadata');
    await sees(`<b>_slow_</b> ${link} ${image} \`oncall approve 1\``, `Reason: ${reason}`);
    expect(await details().locator('img, b, em').count()).toBe(0);
    // What is an address is one, and nothing leads elsewhere than it says.
    const links = details().locator('a');
    for (const one of await links.all()) {
      const [text, href] = [await one.innerText(), await one.getAttribute('href')];
      if (text.includes('slow')) expect(href).toBe(`https://example.pagerduty.com/incidents/${evil}`);
      else expect(href).toBe(text);
    }
    const story = await inside(stage.client, run);
    expect(story?.story.join('\n')).toContain('incidents.acknowledge needs full.');
  });

  /** The form of an Update of the run that is shown, for whoever reaches the UI. */
  const formOf = async (update: string): Promise<Locator> => {
    await page.getByRole('button', { name: 'More Actions' }).click();
    await page.getByRole('menuitem', { name: 'Send an Update' }).click();
    const form = page.getByRole('dialog', { name: 'Send an Update' });
    await form.getByTestId('update-select-button').click();
    await form.getByRole('option', { name: new RegExp(`^${update}\\b`) }).click();
    return form;
  };
  const fillIn = async (form: Locator, value: object): Promise<void> => {
    await form.getByRole('textbox', { name: 'Data' }).click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(JSON.stringify(value));
    // The UI breaks the JSON into lines when one leaves it; a click on Submit would be lost to that.
    await form.getByText('Single JSON payload').click();
  };
  const submit = async (form: Locator): Promise<void> => {
    await form.getByRole('button', { name: 'Submit' }).click();
  };
  const sent = async (form: Locator): Promise<void> => {
    await submit(form);
    await sees('Update successful');
    await form.waitFor({ state: 'hidden' });
    // Reads Current Details anew.
    await page.keyboard.press('r');
  };
  const handle = () => stage.client.workflow.getHandle(waiting.workflowId);
  const nothingIsSent = async (): Promise<void> => {
    const requests = await stage.requests();
    expect(requests.filter(({ method, path }) => method === 'PUT' && path.includes(incident))).toEqual([]);
    expect(stage.simulator.world.incident(incident)?.status).toBe('triggered');
  };

  test('approves nothing without the key: a forged word is refused, and the run waits on', async () => {
    const step = await theStepOf(stage, waiting);
    await look(waiting, 'user-metadata');
    const form = await formOf('approve');
    await fillIn(form, { id: step.id });
    await submit(form);
    await sees('Send { id, statement }; `oncall approve` signs one.');
    const claim = { target: waiting.workflowId, type: 'approve', input: step.claim };
    const forged = await sign('lead', stage.agent('triage-bot').key, claim);
    await fillIn(form, { id: step.id, statement: forged });
    await sent(form);
    const why = 'The word of lead counts for nothing: ';
    await sees(why, 'was not signed with the key that the configuration holds.', 'State: waiting');
    await look(waiting, 'history');
    await sees(
      'Workflow Execution Update Completed',
      '{"step":"waits","sentence":"The word of lead counts for',
    );
    expect((await theStepOf(stage, waiting)).id).toBe(step.id);
    await nothingIsSent();
  });

  test('pauses a run: what lead has approved is written once lead has resumed it, and not before', async () => {
    const { workflowId } = waiting;
    const step = await theStepOf(stage, waiting);
    await look(waiting, 'user-metadata');
    const form = await formOf('pause');
    await fillIn(form, { by: 'Ada', reason: 'I look first' });
    await picture('pause', form);
    await sent(form);
    await sees(
      'Waiting for: an operator to resume it (paused by Ada: I look first)',
      `Next: let it go on with oncall resume ${workflowId}, or take the incident with oncall take-over ${workflowId}`,
    );
    const approving = approveStep(stage.client, stage.operator('lead'), step);
    const after = await until('the run has heard the approval', async () => {
      const { events } = await handle().fetchHistory();
      const heard = (events ?? []).filter(
        ({ workflowExecutionUpdateAcceptedEventAttributes: update }) =>
          update?.acceptedRequest?.input?.name === 'approve',
      );
      // The first was the forged one.
      return heard[1] && events?.slice(events.indexOf(heard[1]));
    });
    expect(after.filter((event) => event.activityTaskScheduledEventAttributes)).toEqual([]);
    await nothingIsSent();
    const pause = await handle().query<Pause | null>('paused');
    const { name, key } = stage.operator('lead');
    const statement = await sign(name, key, { target: workflowId, type: 'update:resume', input: pause });
    await handle().executeUpdate<string, [object]>('resume', { args: [{ value: pause, statement }] });
    expect(await approving).toMatchObject({ step: 'done' });
    expect(await waiting.result()).toMatchObject({ outcome: 'done' });
    expect(stage.simulator.world.incident(incident)?.status).toBe('resolved');
    await page.keyboard.press('r');
    await sees('State: done', 'In PagerDuty: resolved, high urgency');
  });

  test('finds in each view of the docs the run that belongs there', async () => {
    const another = async () => {
      const subject = { account: 'main', incident: await stage.trigger() };
      const run = await stage.start('triage-bot', 'resolveIncident', subject);
      await theStepOf(stage, run);
      return run;
    };
    const [asking, refused, taken] = await Promise.all([another(), another(), another()]);
    await refuseIn(stage, refused, 'not now');
    await stage.client.workflow.getHandle(taken.workflowId).executeUpdate('takeOver');
    await Promise.all([refused.result(), taken.result()]);
    const shown: Readonly<Record<string, Run<WorkflowName>>> = {
      "waits for somebody's word": asking,
      denied,
      'under way, of one agent': asking,
      'did not end well': refused,
      'all of one incident': waiting,
      'a person took over': taken,
      'all of one service': waiting,
      'begun since, of one account': denied,
    };
    const rows = readFileSync(`${docs}operating.md`, 'utf8').matchAll(
      /^\| ([^|]+) \| `([^`]*Oncall[^`]*)` \|$/gm,
    );
    const views = [...rows].map(([, what = '', query = '']) => ({ what, query }));
    expect(views.map(({ what }) => what)).toEqual(Object.keys(shown));
    const runIds = async (query: string): Promise<readonly string[]> => {
      const found: string[] = [];
      for await (const { runId } of stage.client.workflow.list({ query })) found.push(runId);
      return found;
    };
    // It lists them a moment after they were so.
    const all = await until('the server lists all runs as they are', async () => {
      const over = await runIds("OncallOutcome is not null and ExecutionStatus = 'Completed'");
      const waits = await runIds("OncallWaitingFor is not null and ExecutionStatus = 'Running'");
      return over.length === 5 && waits.length === 1 && runIds('');
    });
    for (const { what, query } of views) {
      const asked = query.replace('PABC123', incident);
      const expected = await runIds(asked);
      expect(expected).toContain(shown[what]?.runId);
      const url = new URL(`/namespaces/${stage.namespace}/workflows`, inject('temporalUi'));
      url.searchParams.set('query', asked);
      // From one list to another the UI would go on showing the filter of the first.
      await goTo(new URL('/namespaces', url).href);
      await goTo(url.href);
      await until(`the page lists what ${what}, and nothing else`, async () => {
        const text = await said();
        return all.every((runId) => text.includes(runId) === expected.includes(runId));
      });
      if (what !== 'denied') continue;
      await sees('OncallOutcome = "denied"');
      await picture('list', { bottom: 380 });
    }
    await asking.cancel();
    await asking.result().catch(() => {});
  });

  test('sees that a run backs off, why, and when it goes on', async () => {
    await stage.fault({
      operation: 'createIncidentNote',
      kind: 'rate_limited',
      retry_after_seconds: 600,
      times: 1,
    });
    const input = { account: 'main', incident, note: 'The latency is back to normal.' };
    const run = await stage.start('triage-bot', 'addNote', input, 'latency');
    await until('it backs off', async () => {
      const { raw } = await stage.client.workflow.getHandle(run.workflowId).describe();
      return raw.pendingActivities?.some(({ lastFailure }) => lastFailure);
    });
    await look(run, 'pending-activities');
    await sees(
      `note:main:${incident}:latency`,
      'createIncidentNote',
      /Next Retry/,
      /"PagerDuty answered 429 to POST \/incidents\/\w+\/notes: .*\(waiting 600 s for PagerDuty's limit\)"/s,
      '"RateLimited"',
      'It is sent again by itself when PagerDuty takes it.',
    );
    await picture('backing-off', { bottom: 850 });
    await run.cancel();
    await run.result().catch(() => {});
  });
});
