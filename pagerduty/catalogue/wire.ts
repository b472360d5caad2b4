import { z } from 'zod';
import type { Action, Narrows, Touch } from './endpoint.ts';

/** An opaque PagerDuty id such as `PABC123`. Nothing that could leave its place in a path. */
export const Id = z
  .string()
  .regex(/^[A-Za-z0-9]{1,40}$/, 'a PagerDuty id is letters and digits, such as PABC123');

/** `{ id, type }`, all that counts where an object is named in a request. */
export const referenceTo = <Type extends string>(type: Type) =>
  z.strictObject({ id: Id, type: z.literal(type) });

/** A reference or a full object in an answer; `type` may or may not end in `_reference`. */
export const Reference = z.looseObject({
  id: z.string(),
  type: z.string().nullish(),
  summary: z.string().nullish(),
  html_url: z.string().nullish(),
});
export type Reference = z.output<typeof Reference>;

/** A name that people gave, as PagerDuty takes it: one line. */
export const Name = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\r\n\t]+$/, 'a name is one line of text');

/** Whether PagerDuty would call two names the same: it compares them without case. */
export const isNamed = (name: string | null | undefined, wanted: string): boolean =>
  name?.toLowerCase() === wanted.toLowerCase();

/** ISO 8601, as PagerDuty takes it in a query. */
export const Instant = z.iso.datetime({ offset: true });

/** What a list reaches: what its own filters limit it to, as far as the gate can compare them with a grant. */
export const listWithin =
  (by: Narrows['by']) =>
  ({ query }: { readonly query?: Readonly<Record<string, unknown>> | undefined }): readonly Touch[] => {
    const within = Object.entries(by).flatMap(([what, filter]) => {
      const values = query?.[filter];
      return Array.isArray(values) ? [[what, values as readonly string[]] as const] : [];
    });
    return [{ kind: 'list', within: Object.fromEntries(within) }];
  };

/** What the values of an `include[]` bring along of other resources, each with all that there is to see of it. */
export type Brings = Readonly<Record<string, readonly Action[]>>;

/** The actions of a read: viewing what it asks for, and whatever else its `include[]` puts into the answer in full. */
export const views =
  (own: Action, brings: Brings) =>
  ({ query }: { readonly query?: Readonly<Record<string, unknown>> | undefined }): readonly Action[] => {
    const included = query?.['include[]'];
    const names = Array.isArray(included) ? (included as readonly string[]) : [];
    return [...new Set([own, ...names.flatMap((name) => brings[name] ?? [])])];
  };

interface OfTeams {
  readonly teams?: readonly { readonly id: string }[] | null | undefined;
}

/** Ids of the teams that a record shows. */
export const teamsOf = ({ teams }: OfTeams): readonly string[] => (teams ?? []).map(({ id }) => id);
export const idOf = ({ id }: { readonly id: string }): readonly string[] => [id];

/** The paging half of a list's query. */
export const pageQuery = {
  limit: z.int().min(1).max(100).optional(),
  offset: z.int().min(0).max(9_999).optional(),
  total: z.boolean().optional(),
};

/** The paging half of a list's answer. */
export const pageFields = {
  limit: z.number().nullish(),
  offset: z.number().nullish(),
  more: z.boolean().nullish(),
  total: z.number().nullish(),
};
