import { deskOf } from './approvals.ts';
import { outcomeOf } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Errand, Outcome } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';

/** The longest note of a report; PagerDuty takes more, and the rest is in the result. */
const longest = 5_000;

/** Leaves a report as a note on an incident. Gives the outcome where that was not done. */
export async function noteReport(
  input: Errand,
  chronicle: Chronicle,
  {
    incident,
    step,
    report,
    changed,
  }: {
    readonly incident: string;
    readonly step: string;
    readonly report: string;
    /** What is then so, as a sentence. */
    readonly changed: string;
  },
): Promise<Outcome | undefined> {
  const { write } = activitiesOf(input.account);
  const added = await deskOf(input, chronicle).ask<'createIncidentNote'>((words) =>
    perform(write.createIncidentNote, {
      step,
      request: {
        params: { id: incident },
        body: { note: { content: report.slice(0, longest).toWellFormed() } },
      },
      ...words,
    }),
  );
  if (added.ok) {
    chronicle.changed(changed);
    return undefined;
  }
  chronicle.notChanged(`note on ${incident}`, added.sentence);
  return outcomeOf[added.kind];
}
