import { z } from 'zod';
import type { Endpoint, Trace } from './endpoint.ts';
import { theIncident } from './incidents.ts';
import { Id, Reference } from './wire.ts';

/** A note. `user.type` is `bot_user_reference` for PagerDuty's own. */
export const Note = z.looseObject({
  id: z.string(),
  content: z.string(),
  created_at: z.string().nullish(),
  user: Reference.nullish(),
});
export type Note = z.output<typeof Note>;

/** `GET /incidents/{id}/notes`. All notes at once, newest first; at most 2,000 an incident. */
export const listIncidentNotes = {
  summary: 'List the notes of an incident',
  api: 'rest',
  method: 'GET',
  path: '/incidents/{id}/notes',
  request: z.strictObject({ params: z.strictObject({ id: Id }) }),
  response: z.looseObject({ notes: z.array(Note) }),
  scope: 'incidents.read',
  token: 'any',
  from: 'none',
  bucket: 'account',
  webhooks: [],
  actions: () => ['incidents.view'],
  touches: theIncident,
  repeat: 'safe',
} as const satisfies Endpoint;

/** The request of `createIncidentNote`. */
export interface CreateNote {
  readonly params: { readonly id: string };
  readonly body: { readonly note: { readonly content: string } };
}

/** `POST /incidents/{id}/notes`. PagerDuty has no key for a note, so each of ours carries the mark of its step. */
export const createIncidentNote = {
  summary: 'Add a note to an incident',
  api: 'rest',
  method: 'POST',
  path: '/incidents/{id}/notes',
  request: z.strictObject({
    params: z.strictObject({ id: Id }),
    body: z.strictObject({ note: z.strictObject({ content: z.string().min(1).max(24_900) }) }),
  }),
  response: z.looseObject({ note: Note }),
  scope: 'incidents.write',
  token: 'any',
  from: 'required',
  bucket: 'account',
  webhooks: ['incident.annotated'],
  actions: () => ['incidents.add_note'],
  touches: theIncident,
  repeat: {
    find: 'listIncidentNotes',
    ask: (request: CreateNote) => ({ params: { id: request.params.id } }),
    ours: noteWithMark,
    madeTwice: true,
    sign: (request: CreateNote, mark: string) => ({
      ...request,
      body: { note: { content: `${request.body.note.content}\n\n${mark}` } },
    }),
  },
  shownBy: 'answer',
} as const satisfies Endpoint;

function noteWithMark(
  found: { readonly notes: readonly Note[] },
  _request: CreateNote,
  trace: Trace,
): unknown {
  const note = found.notes.find(({ content }) => content.trimEnd().endsWith(trace.mark));
  return note && { note };
}
