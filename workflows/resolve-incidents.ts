import { executeChild, workflowInfo } from '@temporalio/workflow';
import { knownOf, outcomeOf } from './attempt.ts';
import { childOr } from './child.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { BulkResult, Outcome, ResolveManyInput } from './contract.ts';
import { inLots } from './in-turns.ts';
import { type Lot, largestLot, type ResolveLotResult, resolveLot } from './resolve-lot.ts';
import { begin, type Position, pagings } from './walk.ts';
import { type PickResult, pickIncidents } from './walk-pages.ts';

/** How many incidents one run resolves: what PagerDuty shows of one question, and what keeps its history small. */
const mostIncidents = 10_000;

/** How many of the incidents that were left alone a result names; the lots' own results name them all. */
const mostNamed = 100;

/**
 * Resolves many incidents: those that are named, or the open ones that fit a filter. Works in lots of a hundred, each a run of
 * its own, so that no history grows with the account; one bad incident keeps no other from its end.
 */
export async function resolveIncidents(input: ResolveManyInput): Promise<BulkResult> {
  const chronicle = chronicleOf(input);
  const picked = input.incidents ? { lots: lotsOf(input.incidents) } : await pick(input, chronicle);
  if (picked.stopped) {
    const { stopped } = picked;
    chronicle.notChanged('the list of incidents', stopped.sentence);
    return { ...chronicle.end(outcomeOf[stopped.kind], stopped.sentence, knownOf(stopped)), ...none };
  }
  const counts = { asked: 0, resolved: 0, left: 0 };
  let isVerified = true;
  for (const [index, lot] of picked.lots.entries()) {
    const result = await resolveOne(input, lot, index + 1);
    if (result.agent !== undefined) chronicle.actsAs(result.agent);
    for (const { id, why } of result.left.slice(0, Math.max(0, mostNamed - counts.left)))
      chronicle.notChanged(id, why);
    counts.asked += lot.ids.length;
    counts.resolved += result.resolved;
    counts.left += result.left.length;
    isVerified &&= result.verified;
    chronicle.say(`${counts.resolved} of ${counts.asked} are resolved so far.`);
  }
  return { ...endOf(counts, { isVerified, isCut: picked.isCut === true }, chronicle), counts };
}

const none = { counts: { asked: 0, resolved: 0, left: 0 } } as const;

interface Picked {
  readonly lots: readonly Lot[];
  /** More fit than one run takes. */
  readonly isCut?: boolean;
  readonly stopped?: PickResult['stopped'];
}

const lotsOf = (ids: readonly string[]): readonly Lot[] =>
  inLots([...new Set(ids)], largestLot).map((lot) => ({ ids: lot }));

/** Walks the list of open incidents that fit, in runs of some pages each. */
async function pick(
  { account, filter = { services: [] }, reason }: ResolveManyInput,
  chronicle: Chronicle,
): Promise<Picked> {
  const query = {
    'service_ids[]': filter.services,
    'statuses[]': filter.statuses ?? ['triggered', 'acknowledged'],
    ...(filter.urgency && { 'urgencies[]': [filter.urgency] }),
    date_range: 'all',
  };
  const lots: Lot[] = [];
  const known = new Set<string>();
  let position: Position | undefined = begin(pagings.listIncidents, query, Date.now());
  for (let run = 1; position; run += 1) {
    const result: PickResult = await executeChild(pickIncidents, {
      workflowId: `${workflowInfo().workflowId}:pick:${run}`,
      args: [{ account, request: {}, position, ...(reason !== undefined && { reason }) }],
      staticSummary: 'Which incidents fit',
    });
    if (result.agent !== undefined) chronicle.actsAs(result.agent);
    if (result.stopped) return { lots: [], stopped: result.stopped };
    for (const { ids, near } of result.lots) {
      // Where one window ends and the next begins a record may come twice.
      const fresh = ids.filter((id) => !known.has(id));
      for (const id of fresh) known.add(id);
      const of = near && { near: { ...near, ...(filter.urgency && { urgency: filter.urgency }) } };
      if (fresh.length > 0) lots.push({ ids: fresh, ...of });
    }
    chronicle.say(`${known.size} incidents fit so far.`);
    position = result.next;
    if (known.size >= mostIncidents) return { lots, isCut: position !== undefined };
    if (result.end === 'cut') return { lots, isCut: true };
  }
  return { lots };
}

/** One lot, as a run of its own. A lot whose run fails leaves its incidents alone. */
const resolveOne = (
  { account, resolution, reason, approvalSeconds }: ResolveManyInput,
  lot: Lot,
  number: number,
): Promise<ResolveLotResult> =>
  childOr<ResolveLotResult>(
    executeChild(resolveLot, {
      workflowId: `${workflowInfo().workflowId}:${number}`,
      args: [
        {
          account,
          lot,
          ...(resolution !== undefined && { resolution }),
          ...(reason !== undefined && { reason }),
          ...(approvalSeconds !== undefined && { approvalSeconds }),
        },
      ],
      staticSummary: `Resolve ${lot.ids.length} incidents`,
    }),
    (why) => ({ resolved: 0, left: lot.ids.map((id) => ({ id, why })), verified: false }),
    'the run of its lot failed',
  );

function endOf(
  { asked, resolved, left }: BulkResult['counts'],
  { isVerified, isCut }: { readonly isVerified: boolean; readonly isCut: boolean },
  chronicle: Chronicle,
): ReturnType<Chronicle['end']> {
  if (asked === 0) return chronicle.end('nothing_to_do', 'No incident fits.', { verified: true });
  if (resolved > 0) chronicle.changed(`${resolved} of ${asked} incidents are resolved.`);
  const more = left > mostNamed ? ` The first ${mostNamed} are named.` : '';
  const sentence = [
    `${resolved} of ${asked} incidents are resolved${isVerified && resolved > 0 ? ', and were read back so' : ''}.`,
    ...(left === 0 ? [] : [`${left} were left as they are.${more}`]),
    ...(isCut ? [`More fit than the ${mostIncidents.toLocaleString('en')} that one run takes.`] : []),
  ].join(' ');
  const outcome: Outcome = resolved === 0 ? 'failed' : left > 0 || isCut || !isVerified ? 'partly' : 'done';
  const next = isCut ? ['Run it again for the others.'] : [];
  return chronicle.end(outcome, sentence, { verified: isVerified && resolved > 0, next });
}
