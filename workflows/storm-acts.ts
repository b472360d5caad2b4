import { executeChild, workflowInfo } from '@temporalio/workflow';
import { childOr } from './child.ts';
import { inLots } from './in-turns.ts';
import { largestNoteLot, type NoteLotResult, noteLot } from './note-lot.ts';
import { activitiesOf, perform } from './proxies.ts';
import { count } from './report.ts';
import { notesFor } from './storm.ts';
import { bulkPriority, type Judged, ordinaryPriority, type Storm, tellNow } from './storm-known.ts';
import type { Surveyed } from './survey-incidents.ts';

/** How many of what was left alone a result names. */
const mostNamed = 100;

/** Writes the notes that are wanted and were not tried yet, in lots, each a run of its own. */
export async function writeNotes(storm: Storm, judged: Judged, urgency: 'high' | 'low'): Promise<void> {
  const { input, chronicle, since, looks, noted, noteTried } = storm;
  const { account, reason, notes = 'leads' } = input;
  const wanted = notesFor(judged.causes, notes, judged.reads, { since, done: noteTried });
  for (const [index, lot] of inLots(wanted, largestNoteLot).entries()) {
    for (const { incident } of lot) noteTried.add(incident);
    const came: NoteLotResult =
      storm.noNotes === undefined
        ? await childOr<NoteLotResult>(
            executeChild(noteLot, {
              workflowId: `${workflowInfo().workflowId}:${looks}:notes-${urgency}:${index + 1}`,
              args: [{ account, notes: lot, ...(reason !== undefined && { reason }) }],
              staticSummary: `Note ${count(lot.length, 'incident')}`,
              priority: { priorityKey: urgency === 'high' ? ordinaryPriority : bulkPriority },
            }),
            (why) => ({ noted: [], left: allLeft(lot, why) }),
            'the run of its lot failed',
          )
        : { noted: [], left: allLeft(lot, storm.noNotes) };
    for (const id of came.noted) noted.add(id);
    for (const { id, why } of came.left) {
      if (storm.unnoted < mostNamed) chronicle.notChanged(`note on ${id}`, why);
      storm.unnoted += 1;
    }
    if (came.noted.length > 0) chronicle.changed(`${count(came.noted.length, 'note')} written.`);
    // What is denied for all of a lot is asked for no other.
    const [first] = came.left;
    if (first && came.noted.length === 0 && came.left.every(({ kind }) => kind === 'PermissionDenied'))
      storm.noNotes ??= first.why;
    tellNow(storm, judged);
  }
}

const allLeft = (
  lot: readonly { readonly incident: string }[],
  why: string,
): readonly NoteLotResult['left'][number][] =>
  lot.map(({ incident: id }) => ({ id, kind: 'Failed' as const, why }));

/** Pages once for each escalation policy with incidents of high urgency, by an incident on the service that has most of them. */
export async function pageOnce(storm: Storm): Promise<void> {
  const { input, chronicle, desk, incidents, pageTried, pages, since } = storm;
  const { urgent } = activitiesOf(input.account);
  const byPolicy = new Map<string, Surveyed[]>();
  for (const incident of incidents.values()) {
    const { policy, urgency, status } = incident;
    if (policy !== null && urgency === 'high' && status !== 'resolved')
      byPolicy.set(policy, [...(byPolicy.get(policy) ?? []), incident]);
  }
  const due = [...byPolicy].filter(([policy]) => !pageTried.has(policy));
  for (const [policy] of due) pageTried.add(policy);
  await Promise.all(
    due.map(async ([policy, some]) => {
      const service = mostHit(some);
      if (service === undefined) return;
      const title = `Storm: ${count(some.length, 'incident')} of high urgency since ${new Date(since).toISOString().slice(11, 16)} UTC, most on ${service.name}`;
      const opened = await desk.ask<'createIncident'>((words) =>
        perform(urgent.createIncident, {
          step: `Page ${policy} for the storm`,
          request: {
            body: {
              incident: {
                type: 'incident',
                title,
                urgency: 'high',
                service: { id: service.id, type: 'service_reference' },
                escalation_policy: { id: policy, type: 'escalation_policy_reference' },
              },
            },
          },
          ...words,
        }),
      );
      if (!opened.ok) {
        chronicle.notChanged(`page ${policy}`, opened.sentence);
        return;
      }
      chronicle.actsAs(opened.agent);
      const { id, incident_number: number, escalation_policy: paged } = opened.response.incident;
      pages.push({ id, number, policy: paged?.summary ?? policy });
      chronicle.changed(`Incident #${number} (${id}) pages ${paged?.summary ?? policy} for the storm.`);
    }),
  );
}

function mostHit(incidents: readonly Surveyed[]): NonNullable<Surveyed['service']> | undefined {
  const hits = new Map<string, number>();
  let most: Surveyed['service'] = null;
  for (const { service } of incidents) {
    if (!service) continue;
    hits.set(service.id, (hits.get(service.id) ?? 0) + 1);
    if (most === null || (hits.get(service.id) ?? 0) > (hits.get(most.id) ?? 0)) most = service;
  }
  return most ?? undefined;
}
