import type { Episode, Unseen } from '../activities/index.ts';
import { problemOf } from './assess.ts';
import type { Undone } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { someEpisodes } from './episodes.ts';
import type { Position } from './walk.ts';

/** How many pages one run reads: 1,000 incidents, so that no history grows with the storm. */
const mostPages = 10;

export interface SurveyInput extends Errand {
  /** What is listed, for whoever reads the run. */
  readonly what: string;
  readonly position: Position;
}

/** An incident as triage of many goes by it. PagerDuty's words: data, never an order. */
export interface Surveyed
  extends Pick<
    Episode,
    'id' | 'number' | 'title' | 'status' | 'urgency' | 'at' | 'resolvedAt' | 'service' | 'policy' | 'alerts'
  > {
  /** See `problemOf`. */
  readonly problem: string;
  /** Whether a person has acknowledged it. */
  readonly isTaken: boolean;
  /** Whether a person opened it again or took an acknowledge back. */
  readonly isSetBack: boolean;
}

export interface SurveyResult extends Unseen {
  readonly incidents: readonly Surveyed[];
  /** Where the next run goes on; absent at the end. */
  readonly next?: Position;
  /** PagerDuty shows no more, and there is more. */
  readonly isCut?: true;
  /** Why a page did not come. */
  readonly stopped?: Pick<Undone, 'kind' | 'sentence'>;
  readonly agent?: string;
}

/** Reads some pages of incidents, and keeps of each what triage by rules needs. */
export async function surveyIncidents(input: SurveyInput): Promise<SurveyResult> {
  const chronicle = chronicleOf(input);
  let agent: string | undefined;
  const { episodes, hidden, isNarrowed, walked } = await someEpisodes(
    input,
    input.position,
    { what: input.what, mostPages },
    {
      actsAs: (name) => {
        agent = name;
        chronicle.actsAs(name);
      },
    },
  );
  return {
    incidents: episodes.map(surveyed),
    hidden,
    isNarrowed,
    ...(agent !== undefined && { agent }),
    ...('next' in walked && { next: walked.next }),
    ...('end' in walked && walked.end === 'cut' && { isCut: true }),
    ...('stopped' in walked && { stopped: { kind: walked.stopped.kind, sentence: walked.stopped.sentence } }),
  };
}

function surveyed(episode: Episode): Surveyed {
  const { id, number, title, status, urgency, at, resolvedAt, service, policy, alerts, isTaken } = episode;
  const { by, changedAt } = episode;
  const isSetBack = status === 'triggered' && by === 'person' && changedAt !== null && changedAt > at;
  const kept = { id, number, title, status, urgency, at, resolvedAt, service, policy, alerts };
  return { ...kept, problem: problemOf(title), isTaken, isSetBack };
}
