import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import {
  type Errand,
  forApproval,
  type Outcome,
  type RunResult,
  searchAttributes,
  type Wait,
} from './contract.ts';

/** How many lines of its story a run shows; the history has them all. */
const mostLines = 30;

/** What a run tells people while it goes on, and what it ends with. */
export interface Chronicle {
  /** A line of the story, with its time. */
  readonly say: (sentence: string) => void;
  /** Something in PagerDuty was changed. */
  readonly changed: (sentence: string) => void;
  /** Something was meant to change and was not. */
  readonly notChanged: (what: string, why: string) => void;
  /** Whose authority the run turned out to have. */
  readonly actsAs: (agent: string) => void;
  /** Which incident it is about, where that is known only now. */
  readonly isAbout: (incident: string) => void;
  /** Which service the incident is of. */
  readonly concerns: (service: string | undefined) => void;
  /** What the run waits for, and until when (milliseconds). Ends when what it returns is called; several may go on at once. */
  readonly waitsFor: (what: string, until?: number) => () => void;
  readonly end: (
    outcome: Outcome,
    summary: string,
    rest?: Partial<Pick<RunResult, 'verified' | 'next' | 'error'>>,
  ) => RunResult;
}

/** Begins the chronicle of a run: its search attributes and its current details in the Temporal UI. */
export function chronicleOf({
  account,
  incident: first,
  reason,
}: Errand & { readonly incident?: string | undefined }): Chronicle {
  const lines: string[] = [];
  const changes: string[] = [];
  const omissions: { what: string; why: string }[] = [];
  let incident = first;
  let agent: string | undefined;
  let state = 'working';
  const waits = new Set<Wait>();
  let shownWait: string | null = null;

  const show = (): void => {
    setCurrentDetails(
      [
        incident === undefined
          ? `- **Account:** ${account}`
          : `- **Incident:** ${incident} of account ${account}`,
        `- **Agent:** ${agent ?? 'not proved yet'}`,
        ...(reason === undefined ? [] : [`- **Reason:** ${reason}`]),
        `- **State:** ${state}`,
        ...[...waits].map(
          ({ what, until }) =>
            `- **Waiting for:** ${what}${until === undefined ? '' : `, until ${clock(until)}`}`,
        ),
        '',
        ...lines.slice(-mostLines).map((line) => `- ${line}`),
      ].join('\n'),
    );
  };

  const say = (sentence: string): void => {
    lines.push(`${clock(Date.now())} ${sentence}`);
    show();
  };

  /** A list of runs has room for one: a person's word comes before all else, because somebody must hear of it. */
  const showWaits = (): void => {
    upsertMemo({ waits: waits.size === 0 ? null : [...waits] });
    const all = [...waits].map(({ what }) => what);
    const value = all.includes(forApproval) ? forApproval : (all.at(-1) ?? null);
    state = all.length === 0 ? 'working' : 'waiting';
    if (value !== shownWait) upsertSearchAttributes([{ key: searchAttributes.waitingFor, value }]);
    shownWait = value;
    show();
  };

  upsertSearchAttributes([
    { key: searchAttributes.account, value: account },
    ...(incident === undefined ? [] : [{ key: searchAttributes.incident, value: incident }]),
  ]);
  show();

  return {
    say,
    changed: (sentence) => {
      changes.push(sentence);
      say(sentence);
    },
    notChanged: (what, why) => {
      omissions.push({ what, why });
      say(`${what}: ${why}`);
    },
    actsAs: (name) => {
      if (name === agent) return;
      agent = name;
      upsertSearchAttributes([{ key: searchAttributes.agent, value: name }]);
      show();
    },
    isAbout: (id) => {
      incident = id;
      upsertSearchAttributes([{ key: searchAttributes.incident, value: id }]);
      show();
    },
    concerns: (service) => {
      if (service !== undefined) upsertSearchAttributes([{ key: searchAttributes.service, value: service }]);
    },
    waitsFor: (what, until) => {
      const wait: Wait = { what, since: Date.now(), ...(until !== undefined && { until }) };
      waits.add(wait);
      showWaits();
      return () => {
        if (waits.delete(wait)) showWaits();
      };
    },
    end: (outcome, summary, { verified = false, next = [], error } = {}) => {
      if (waits.size > 0) {
        waits.clear();
        showWaits();
      }
      state = outcome;
      upsertSearchAttributes([{ key: searchAttributes.outcome, value: outcome }]);
      say(summary);
      const result = { outcome, summary, changed: changes, notChanged: omissions, verified, next };
      return error === undefined ? result : { ...result, error };
    },
  };
}

/** `14:05:10 UTC`. */
export const clock = (at: number): string => `${new Date(at).toISOString().slice(11, 19)} UTC`;
