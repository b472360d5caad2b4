import { z } from 'zod';
import { clean } from '../../pagerduty/text.ts';
import type { Caller } from './tool.ts';
import { ToolError } from './tool.ts';

/** Words that somebody can see: what holds nothing but blanks and invisible characters says nothing. */
export const words = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine((text) => clean(text).trim() !== '', 'is blank: it has no visible character');

/** Parameters that several tools take. */
export const reason = words(500).describe('Why, for the people who read of it.');

export const incident = words(300).describe('Its id (PABC123), number (#4211) or address in PagerDuty.');

export const cursor = z
  .string()
  .max(20)
  .optional()
  .describe('next_cursor of the answer before; leave it out for the first page.');

/** A PagerDuty id, alone or at the end of an address. */
export const thing = (what: string) =>
  words(300).describe(`${what}: the id (PABC123) or the address in PagerDuty. pd_find gives it.`);

/**
 * The id in what an agent wrote: an id, a number with or without `#`, or an address.
 * @throws ToolError that says what would be right.
 */
export function idIn(name: string, written: string): string {
  const [, fromUrl] =
    /^https:\/\/[^/\s]+\/(?:[a-z_-]+\/)+([A-Za-z0-9]{1,40})\/?(?:[?#].*)?$/.exec(written) ?? [];
  const id = fromUrl ?? written.replace(/^#/, '');
  if (/^[A-Za-z0-9]{1,40}$/.test(id)) return id;
  throw new ToolError(
    'invalid_input',
    `${name} is not a PagerDuty id: letters and digits such as PABC123, or an address that ends in one.`,
    [{ tool: 'pd_find', args: { what: name === 'incident' ? 'incidents' : 'services' } }],
  );
}

/** The id of an incident, also where it was named by its number: a run is called after the id. */
export async function incidentIn(caller: Caller, written: string): Promise<string> {
  const id = idIn('incident', written);
  if (!/^\d+$/.test(id)) return id;
  const { incident: found } = await caller.oncall.call('getIncident', { params: { id } });
  return found.id;
}
