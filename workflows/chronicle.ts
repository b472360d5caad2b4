import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import {
  type Errand,
  forApproval,
  type Outcome,
  type RunResult,
  searchAttributes,
  type Wait,
} from './contract.ts';
import { commandsAlone, plain } from './report.ts';
import { shortened } from './said.ts';
import { namesOf } from './state.ts';

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
  /** How the incident stands, as it was last read: for whoever looks at the run. */
  readonly shows: (incident: Shown) => void;
  /**
   * What the run waits for, and until when (milliseconds). Ends when what it returns is called; several may go on at once.
   * @param next what a person does about it.
   */
  readonly waitsFor: (what: string, until?: number, next?: string) => () => void;
  /** Updates that the run takes from anybody, because they only narrow what it does. */
  readonly takes: (...updates: readonly string[]) => void;
  readonly end: (
    outcome: Outcome,
    summary: string,
    rest?: Partial<Pick<RunResult, 'verified' | 'next' | 'error'>>,
  ) => RunResult;
}

/** What of an incident a run shows. */
type Shown = Pick<Incident, 'incident_number' | 'title' | 'status' | 'urgency' | 'html_url' | 'assignments'>;

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
  const nexts = new Map<Wait, string>();
  let standing: { readonly incident: Shown; readonly readAt: number } | undefined;
  let nextAtEnd: readonly string[] = [];
  const taken: string[] = [];
  let isOver = false;
  let shownWait: string | null = null;

  const show = (): void => {
    const facts = [
      incident === undefined
        ? `**Account:** ${plain(account)}`
        : `**Incident:** ${standing ? `${titleOf(standing.incident)} (${plain(incident)})` : plain(incident)} of account ${plain(account)}`,
      ...(standing
        ? [`**In PagerDuty:** ${standOf(standing.incident)} (read at ${clock(standing.readAt)})`]
        : []),
      `**Agent:** ${agent ?? 'not proved yet'}`,
      ...(reason === undefined ? [] : [`**Reason:** ${commandsAlone(reason)}`]),
      `**State:** ${state}`,
      ...[...waits].map(
        ({ what, until }) =>
          `**Waiting for:** ${commandsAlone(what)}${until === undefined ? '' : `, until ${clock(until)}`}`,
      ),
      ...[...nexts.values(), ...nextAtEnd].map((next) => `**Next:** ${commandsAlone(next)}`),
      ...(taken.length === 0 || isOver ? [] : [`**From here:** ${fromHere(taken)}`]),
    ];
    const list = (all: readonly string[]): string => all.map((line) => `- ${line}`).join('\n');
    const story = lines.slice(-mostLines).map(commandsAlone);
    const parts = [list(facts), ...(story.length === 0 ? [] : ['**What happened**', list(story)])];
    setCurrentDetails(parts.join('\n\n'));
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
    shows: (now) => {
      standing = { incident: now, readAt: Date.now() };
      show();
    },
    waitsFor: (what, until, next) => {
      const wait: Wait = { what, since: Date.now(), ...(until !== undefined && { until }) };
      waits.add(wait);
      if (next !== undefined) nexts.set(wait, next);
      showWaits();
      return () => {
        nexts.delete(wait);
        if (waits.delete(wait)) showWaits();
      };
    },
    takes: (...updates) => {
      taken.push(...updates);
      show();
    },
    end: (outcome, summary, { verified = false, next = [], error } = {}) => {
      if (waits.size > 0) {
        waits.clear();
        nexts.clear();
        showWaits();
      }
      state = outcome;
      isOver = true;
      const wasRefused = outcome === 'denied' && changes.length === 0 && incident !== undefined;
      nextAtEnd =
        wasRefused && next.length === 0
          ? [`nothing was changed; \`oncall why ${incident}\` says by which rule`]
          : next;
      upsertSearchAttributes([{ key: searchAttributes.outcome, value: outcome }]);
      // What stopped a run was often its last line already.
      if (lines.at(-1)?.endsWith(summary)) show();
      else say(summary);
      const result = { outcome, summary, changed: changes, notChanged: omissions, verified, next };
      return error === undefined ? result : { ...result, error };
    },
  };
}

/** How much of a title is shown, in characters. */
const longestTitle = 120;

/** `#12 p99 latency`, as a link into PagerDuty where there is one. */
function titleOf({ incident_number: number, title, html_url: url }: Shown): string {
  const words = shortened((title ?? '').replace(/\s+/g, ' ').trim(), longestTitle);
  const text = `#${number}${words === '' ? '' : ` ${plain(words)}`}`;
  // A title that is a link itself would end ours; so would what is no plain address.
  return typeof url === 'string' && /^https:\/\/[\w.:/-]+$/.test(url) ? `[${text}](${url})` : text;
}

/** `triggered, high urgency, with Ben Okafor`. */
function standOf({ status, urgency, assignments }: Shown): string {
  const who = plain(namesOf((assignments ?? []).map(({ assignee }) => assignee)));
  return `${status}, ${urgency} urgency${who === '' ? '' : `, with ${who}`}`;
}

/** What the forms of the Temporal UI are good for. */
const fromHere = (updates: readonly string[]): string =>
  `More Actions → Send an Update ${updates.map((name) => `\`${name}\``).join(', ')}, or Request Cancellation; \`approve\` and \`resume\` need an operator's signature, by \`oncall approve\` and \`oncall resume\``;

/** `14:05:10 UTC`. */
export const clock = (at: number): string => `${new Date(at).toISOString().slice(11, 19)} UTC`;
