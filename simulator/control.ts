import { randomBytes } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Parts } from './answer.ts';
import { Fault, flawOf } from './faults.ts';
import { parseJson } from './input.ts';
import { expireTokens } from './oauth.ts';
import { Settings } from './settings.ts';
import { writeAlert, writeIncident, writeLogEntry, writeNote } from './wire/incident.ts';
import { writeChangeEvent, writeDelivery, writeState } from './wire/state.ts';
import { plainView } from './wire/view.ts';

type Control = Hono<{ Bindings: HttpBindings }>;

/**
 * What PagerDuty has not: for tests, and for people who play. Costs no budget, is not in the request log, needs no key.
 *
 * | request under `/_simulator` | answer |
 * |---|---|
 * | `GET /health` | `{ ok: true, now }` |
 * | `GET /clock` | `{ now }`, ISO 8601 |
 * | `POST /clock` `{"advance_seconds": N}` | the same, after all that falls due in these seconds |
 * | `GET /state` | everything there is, without keys |
 * | `GET /requests?since=SEQ` | `{ requests }` after that number, see `RequestRecord` |
 * | `GET /incidents/{id or number}` | `{ incident }` with its `notes`, `alerts` and `log_entries`, oldest first |
 * | `GET /change_events` | `{ change_events }`, oldest first |
 * | `GET /deliveries?subscription=ID&idle=true` | `{ deliveries }`, oldest first; with `idle` once nothing is under way |
 * | `POST /webhook_subscriptions/{id}/rotate` | `{ secret }`, a new one; the old ones sign beside it |
 * | `POST /webhook_subscriptions/{id}/retire` | 204; only the newest secret signs from now on |
 * | `GET /settings`, `POST /settings` with some of them | `{ settings }`, see `Settings` |
 * | `POST /oauth/expire` | `{ expired }`, how many tokens just ended |
 * | `GET /faults` | `{ faults }`, each with `matched` and `struck` |
 * | `POST /faults` with one `Fault`, or a list | 201, the list of all |
 * | `DELETE /faults` | 204; all are gone |
 * | `POST /release` | `{ released }`, how many answers a fault `hold` kept back until now |
 *
 * Input it does not understand: 400 `{ error }`, one sentence.
 */
export function controlRoutes(parts: Parts): Control {
  const { world } = parts;
  const control: Control = new Hono();
  control.use(async (_http, next) => {
    world.clock.catchUp();
    await next();
  });
  addClock(control, parts);
  addViews(control, parts);
  addWebhooks(control, parts);
  addSettings(control, parts);
  addFaults(control, parts);
  control.all('*', (http) =>
    http.json({ error: `The control endpoint has no ${http.req.method} ${http.req.path}.` }, 404),
  );
  return control;
}

function addClock(control: Control, { world }: Parts): void {
  const now = () => new Date(world.clock.now).toISOString();
  control.get('/health', (http) => http.json({ ok: true, now: now() }));
  control.get('/clock', (http) => http.json({ now: now() }));
  control.post('/clock', async (http) => {
    const asked = Advance.safeParse(parseJson(await http.req.text()));
    if (!asked.success) return http.json({ error: advanceSentence }, 400);
    world.clock.advance(asked.data.advance_seconds);
    return http.json({ now: now() });
  });
}

function addViews(control: Control, { world, requests, mask }: Parts): void {
  control.get('/requests', (http) => {
    const since = http.req.query('since') ?? '0';
    if (!/^\d{1,15}$/.test(since)) {
      return http.json({ error: 'since must be the seq of a request, a whole number.' }, 400);
    }
    return http.json({ requests: requests.since(Number(since)) });
  });
  control.get('/incidents/:id', (http) => {
    const id = http.req.param('id');
    const incident = world.incident(id);
    if (!incident) return http.json({ error: `There is no incident ${id}.` }, 404);
    const view = plainView(world);
    const notes = incident.notes.map((note) => writeNote(view, note));
    const alerts = incident.alerts.map((alert) => writeAlert(view, incident, alert));
    const log = incident.log.map((entry) => writeLogEntry(view, incident, entry));
    return http.json({ incident: { ...writeIncident(view, incident), notes, alerts, log_entries: log } });
  });
  control.get('/change_events', (http) =>
    http.json({ change_events: world.changeEvents.map(writeChangeEvent) }),
  );
  control.get('/state', (http) => {
    const text = mask.clean(JSON.stringify(writeState(world)));
    return http.body(text, 200, { 'content-type': 'application/json' });
  });
}

function addWebhooks(control: Control, { world, deliveries }: Parts): void {
  control.get('/deliveries', async (http) => {
    if (http.req.query('idle') === 'true') await deliveries.idle();
    const subscription = http.req.query('subscription');
    const shown = deliveries
      .list()
      .filter(({ subscriptionId }) => subscription === undefined || subscriptionId === subscription);
    return http.json({ deliveries: shown.map(writeDelivery) });
  });
  control.post('/webhook_subscriptions/:id/rotate', (http) => {
    const subscription = world.subscriptions.get(http.req.param('id'));
    if (!subscription) return http.json({ error: noSubscription }, 404);
    const secret = randomBytes(32).toString('hex');
    subscription.secrets = [secret, ...subscription.secrets];
    return http.json({ secret });
  });
  control.post('/webhook_subscriptions/:id/retire', (http) => {
    const subscription = world.subscriptions.get(http.req.param('id'));
    if (!subscription) return http.json({ error: noSubscription }, 404);
    subscription.secrets = subscription.secrets.slice(0, 1);
    return http.body(null, 204);
  });
}

const noSubscription = 'There is no such webhook subscription.';

function addSettings(control: Control, { world }: Parts): void {
  control.get('/settings', (http) => http.json({ settings: world.settings }));
  control.post('/settings', async (http) => {
    const asked = Settings.partial().safeParse(parseJson(await http.req.text()));
    if (!asked.success) return http.json({ error: `These are no settings: ${flawOf(asked.error)}.` }, 400);
    Object.assign(world.settings, asked.data);
    return http.json({ settings: world.settings });
  });
  control.post('/oauth/expire', (http) => http.json({ expired: expireTokens(world) }));
}

function addFaults(control: Control, { faults, holds }: Parts): void {
  control.post('/release', (http) => http.json({ released: holds.release() }));
  const list = () => ({ faults: faults.list().map(({ fault, ...counts }) => ({ ...fault, ...counts })) });
  control.get('/faults', (http) => http.json(list()));
  control.post('/faults', async (http) => {
    const sent = parseJson(await http.req.text());
    const asked = z.array(Fault).safeParse(Array.isArray(sent) ? sent : [sent]);
    if (!asked.success) {
      const flaw = flawOf(asked.error).replace(/^0(\.|: )/, '');
      return http.json({ error: `This is no fault: ${flaw}.` }, 400);
    }
    for (const fault of asked.data) faults.add(fault);
    return http.json(list(), 201);
  });
  control.delete('/faults', (http) => {
    faults.clear();
    return http.body(null, 204);
  });
}

/** At most ten years at once: later dates make no sense to anybody. */
const Advance = z.strictObject({ advance_seconds: z.number().min(0).max(315_360_000) });

const advanceSentence =
  'Send {"advance_seconds": N} with a number of seconds that is not negative and at most 315360000 (ten years).';
