import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Parts } from './answer.ts';
import { Fault, flawOf } from './faults.ts';
import { parseJson } from './input.ts';
import { writeAlert, writeIncident, writeLogEntry, writeNote } from './wire/incident.ts';
import { plainView } from './wire/view.ts';

/**
 * What PagerDuty has not: for tests, and for people who play. Costs no budget, is not in the request log, needs no key.
 *
 * | request under `/_simulator` | answer |
 * |---|---|
 * | `GET /health` | `{ ok: true, now }` |
 * | `GET /clock` | `{ now }`, ISO 8601 |
 * | `POST /clock` `{"advance_seconds": N}` | the same, after all that falls due in these seconds |
 * | `GET /requests?since=SEQ` | `{ requests }` after that number, see `RequestRecord` |
 * | `GET /incidents/{id or number}` | `{ incident }` with its `notes`, `alerts` and `log_entries`, oldest first |
 * | `GET /faults` | `{ faults }`, each with `matched` and `struck` |
 * | `POST /faults` with one `Fault` | 201, the list |
 * | `DELETE /faults` | 204; all are gone |
 *
 * Input it does not understand: 400 `{ error }`, one sentence.
 */
export function controlRoutes({ world, faults, requests }: Parts): Hono<{ Bindings: HttpBindings }> {
  const control = new Hono<{ Bindings: HttpBindings }>();
  const now = () => new Date(world.clock.now).toISOString();
  const listFaults = () => ({
    faults: faults.list().map(({ fault, ...counts }) => ({ ...fault, ...counts })),
  });

  control.use(async (_http, next) => {
    world.clock.catchUp();
    await next();
  });

  control.get('/health', (http) => http.json({ ok: true, now: now() }));

  control.get('/clock', (http) => http.json({ now: now() }));
  control.post('/clock', async (http) => {
    const asked = Advance.safeParse(parseJson(await http.req.text()));
    if (!asked.success) return http.json({ error: advanceSentence }, 400);
    world.clock.advance(asked.data.advance_seconds);
    return http.json({ now: now() });
  });

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

  control.get('/faults', (http) => http.json(listFaults()));
  control.post('/faults', async (http) => {
    const fault = Fault.safeParse(parseJson(await http.req.text()));
    if (!fault.success) return http.json({ error: `This is no fault: ${flawOf(fault.error)}.` }, 400);
    faults.add(fault.data);
    return http.json(listFaults(), 201);
  });
  control.delete('/faults', (http) => {
    faults.clear();
    return http.body(null, 204);
  });

  control.all('*', (http) =>
    http.json({ error: `The control endpoint has no ${http.req.method} ${http.req.path}.` }, 404),
  );
  return control;
}

/** At most ten years at once: later dates make no sense to anybody. */
const Advance = z.strictObject({ advance_seconds: z.number().min(0).max(315_360_000) });

const advanceSentence =
  'Send {"advance_seconds": N} with a number of seconds that is not negative and at most 315360000 (ten years).';
