import type { Facts } from '../../gate/facts.ts';
import { type Gist, gistOf, type Thing } from './reference-gist.ts';

/*
 * A second gate, written from docs/policy.md and not from gate/: slow, naive, all facts known. It reads the configuration as
 * it is written and the request as it is sent, so that it shares neither parser nor catalogue with what it checks.
 */

export interface WrittenGrant {
  readonly level: 'off' | 'read' | 'full';
  readonly when?: WrittenWhen;
  readonly lease?: string;
  readonly routing_keys?: readonly string[];
  readonly cap?: string;
  readonly max_incidents?: number;
  readonly until?: string;
  readonly approval?: 'required' | { readonly by?: readonly string[]; readonly people?: 1 | 2 };
}
export type WrittenWhen = Readonly<Record<string, readonly string[] | string | true>>;
export interface Person {
  readonly public_key: string;
  readonly pagerduty_user?: string;
}

/** One question to the gate, with all that there is to know. */
export interface Case {
  readonly grants: Readonly<Record<string, 'off' | 'read' | 'full' | WrittenGrant>>;
  readonly deny: readonly { readonly action: string; readonly when?: WrittenWhen }[];
  readonly bot: Person;
  readonly operators: Readonly<Record<string, Person>>;
  readonly operation: string;
  readonly request: object;
  readonly facts: Required<Facts>;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly known: boolean;
  readonly frozen: boolean;
  readonly disabled: boolean;
  /** Steps that each capped grant has had already. */
  readonly used: number;
  readonly approvedBy: readonly string[];
  /** What a list would show, where the operation is one. */
  readonly records: readonly Thing[];
}

/** What the gate must say. */
export interface Answer {
  readonly answer: 'allowed' | 'denied' | 'approval_needed';
  /** How many more people must approve. */
  readonly people?: number;
  readonly lease?: string;
  readonly caps?: readonly string[];
  /** Whose words it took. */
  readonly approvedBy?: readonly string[];
  /** Of a read: it is sent as the operation takes it. */
  readonly isSent?: boolean;
  /** Of a list: whether the answer was cut, or could have been. */
  readonly isCut?: boolean;
  /** Which of the records an agent may see. */
  readonly shown?: readonly number[];
  /** And which filters PagerDuty is sent; what is no filter of a condition stands under its own name. */
  readonly filters?: Readonly<Record<string, readonly string[]>>;
}

const no: Answer = { answer: 'denied' };

export function referenceAnswer(asked: Case): Answer {
  const gist = gistOf(asked.operation, asked.request, asked.facts);
  if (!asked.known || asked.frozen || asked.disabled || gist.actions.length === 0 || gist.isTwice) return no;
  const about = (action: string): Gist => (isBrought(action, gist) ? unseen(gist) : gist);
  if (gist.actions.some((action) => asked.deny.some((deny) => strikes(deny, action, about(action), asked))))
    return no;
  const covering = gist.actions.flatMap((action) => coveredBy(action, about(action), asked) ?? []);
  if (covering.length < gist.actions.length) return no;
  const people = covering.map(({ grant }) => missing(grant, asked)).find((count) => count > 0);
  if (people !== undefined) return { answer: 'approval_needed', people };
  const acknowledging = gist.actions.includes('incidents.acknowledge');
  const lease = covering.find(({ name }) => name === 'incidents.acknowledge')?.grant.lease;
  const caps = covering.flatMap(({ name, grant }) => (grant.cap === undefined ? [] : [name]));
  const approvedBy = new Set(covering.flatMap(({ grant }) => givenTo(grant, asked)));
  const [first] = covering;
  return {
    answer: 'allowed',
    ...(lease !== undefined && acknowledging && { lease }),
    ...(caps.length > 0 && { caps: [...new Set(caps)] }),
    ...(approvedBy.size > 0 && { approvedBy: [...approvedBy] }),
    ...(/^(get|list)/.test(asked.operation) && { isSent: true }),
    ...(gist.list &&
      first && {
        isCut: Object.keys(limitsOf(first.grant, gist, asked)).length > 0 || deniesOf(gist, asked).length > 0,
        shown: shownOf(first.grant, gist, asked),
        filters: filtersOf(first.grant, gist, asked),
      }),
  };
}

/** What an `include[]` puts into the answer of another resource: nothing shows beforehand which things these are. */
const isBrought = (action: string, { actions: [own = ''] }: Gist): boolean =>
  action.split('.')[0] !== own.split('.')[0];
const unseen = ({ actions }: Gist): Gist => ({ actions, subjects: [], targets: [], incidents: 0 });

interface Covering {
  readonly name: string;
  readonly grant: WrittenGrant;
}

/** The grant that covers an action, and its name; `undefined` where none does. */
function coveredBy(action: string, gist: Gist, asked: Case): Covering | undefined {
  const resource = action.split('.')[0] ?? '';
  const isView = action.endsWith('.view');
  const named = [action, resource].find((name) => Object.hasOwn(asked.grants, name));
  const grant = named === undefined ? undefined : written(asked.grants[named]);
  const isEnough = grant && (grant.level === 'full' || (isView && grant.level === 'read'));
  const isOwn = isEnough && holds(grant, action, gist, asked) && !isUsedUp(grant, asked);
  const own =
    named !== undefined && isOwn
      ? { name: named, grant: isView ? without(grant, 'approval') : grant }
      : undefined;
  if (own && grant?.cap === undefined) return own;
  // Full on an action includes reading what it acts on: no list, nothing for what creates, and only while nobody spoke of viewing.
  if (!isView || named === action || gist.list || gist.subjects.length === 0) return own;
  for (const [name, value] of Object.entries(asked.grants)) {
    const other = written(value);
    const isAct = name.startsWith(`${resource}.`) && !name.endsWith('.create') && other.level === 'full';
    const reading = without(without(without(other, 'approval'), 'cap'), 'max_incidents');
    if (isAct && holds(reading, action, gist, asked)) return { name, grant: reading };
  }
  // A capped grant is used up only by what no other includes.
  return own;
}

const written = (value: Case['grants'][string] | undefined): WrittenGrant =>
  typeof value === 'object' ? value : { level: value ?? 'off' };
function without(grant: WrittenGrant, field: keyof WrittenGrant): WrittenGrant {
  const { [field]: _gone, ...rest } = grant;
  return rest as WrittenGrant;
}

function holds(grant: WrittenGrant, action: string, gist: Gist, asked: Case): boolean {
  const { hours, on_call, ...values } = grant.when ?? {};
  if (grant.until !== undefined && asked.now >= new Date(grant.until).getTime()) return false;
  if (typeof hours === 'string' && !isOpen(hours, asked.now)) return false;
  if (gist.routingKey !== undefined && !(grant.routing_keys ?? []).includes(gist.routingKey)) return false;
  if (grant.max_incidents !== undefined && gist.incidents > grant.max_incidents) return false;
  if (action === 'incidents.acknowledge' && asked.facts.ourDuty !== null) return false;
  if (pages.test(action) && gist.targets.some(({ assignee = [] }) => assignee.some(isOurs(asked))))
    return false;
  const { duty } = asked.facts;
  if (on_call) {
    if (duty.length === 0) return false;
    const things = [...gist.subjects, ...gist.targets];
    if (things.some(({ policies }) => policies && !policies.some((id) => duty.includes(id)))) return false;
  }
  if (gist.list) {
    const limits = limitsOf(grant, gist, asked);
    return Object.values(limits).every((allowed) => allowed.length > 0);
  }
  return Object.entries(values).every(([condition, allowed]) => {
    const showing = [...gist.subjects, ...gist.targets].flatMap((thing) => {
      const has = thing[condition as keyof Thing];
      return has ? [has] : [];
    });
    return (
      showing.length > 0 &&
      showing.every((has) => has.some((value) => (allowed as readonly string[]).includes(value)))
    );
  });
}

/** Whom these name, they page. */
const pages = /^(incidents\.(create|reassign)|schedules\.override|escalation_policies\.create)$/;
const isOurs =
  ({ facts }: Case) =>
  (user: string): boolean =>
    facts.ourUsers.includes(user);

/** What the records of a list must have: what the grant covers, of what the list asks for. */
function limitsOf(grant: WrittenGrant, { list, lists }: Gist, asked: Case): Record<string, string[]> {
  const { hours: _hours, on_call, ...values } = grant.when ?? {};
  const limits: Record<string, string[]> = {};
  for (const [condition, allowed] of Object.entries(values)) limits[condition] = [...(allowed as string[])];
  if (on_call && lists?.includes('policies'))
    limits['policies'] = (limits['policies'] ?? asked.facts.duty).filter((id) =>
      asked.facts.duty.includes(id),
    );
  for (const [condition, wanted] of Object.entries(list ?? {}) as [string, readonly string[]][])
    if (limits[condition]) limits[condition] = limits[condition].filter((id) => wanted.includes(id));
  return limits;
}

/** The filters of the list as it is sent: its own, cut to what the grant covers, where PagerDuty has such a filter. */
function filtersOf(grant: WrittenGrant, gist: Gist, asked: Case): Record<string, string[]> {
  const all = { ...gist.list, ...limitsOf(grant, gist, asked) };
  const known = Object.entries(all).filter(([name]) => gist.filters?.includes(name as keyof Thing));
  return Object.fromEntries(known.map(([name, values]) => [name, values.toSorted()]));
}

function shownOf(grant: WrittenGrant, gist: Gist, asked: Case): readonly number[] {
  const limits = Object.entries(limitsOf(grant, gist, asked));
  const has = (record: Thing, condition: string, values: readonly string[]): boolean =>
    (record[condition as keyof Thing] ?? []).some((value) => values.includes(value));
  const denies = deniesOf(gist, asked);
  return asked.records.flatMap((record, index) => {
    const isDenied = denies.some(({ when = {} }) => {
      const { hours: _hours, on_call: _duty, ...values } = when;
      return Object.entries(values).every(([name, of]) => has(record, name, of as string[]));
    });
    const isCovered = limits.every(([name, values]) => has(record, name, values));
    return isCovered && !isDenied ? [index] : [];
  });
}

/** The denies that cut a list. */
const deniesOf = ({ actions: [own = ''] }: Gist, asked: Case): Case['deny'] =>
  asked.deny.filter((deny) => isAbout(deny, own) && isNow(deny, asked));

const isAbout = ({ action: name }: Case['deny'][number], action: string): boolean =>
  name === action || action.startsWith(`${name}.`);

/** Whether the moment is one that the deny is about: within its hours, while its person is on call. */
function isNow({ when = {} }: Case['deny'][number], { now, facts }: Case): boolean {
  if (typeof when['hours'] === 'string' && !isOpen(when['hours'], now)) return false;
  return !when['on_call'] || facts.duty.length > 0;
}

/** A deny strikes where all that it names is true of one thing that is acted on, as it is or as it would be. */
function strikes(deny: Case['deny'][number], action: string, gist: Gist, asked: Case): boolean {
  if (!isAbout(deny, action) || !isNow(deny, asked)) return false;
  const { hours: _hours, on_call: _duty, ...values } = deny.when ?? {};
  const conditions = Object.entries(values) as [keyof Thing, readonly string[]][];
  if (conditions.length === 0) return true;
  if (gist.list) return false;
  if (gist.subjects.length === 0) return action.endsWith('.view');
  return gist.subjects.some((subject) =>
    conditions.every(([condition, of]) =>
      [subject, ...gist.targets].some((thing) => thing[condition]?.some((value) => of.includes(value))),
    ),
  );
}

/** `08:00-20:00 Europe/Berlin`, by what a clock on a wall of that zone shows. */
function isOpen(hours: string, now: number): boolean {
  const [span = '', timeZone = ''] = hours.split(' ');
  const [from = '', to = ''] = span.split('-');
  const clock = new Date(now).toLocaleTimeString('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' });
  return from < to ? from <= clock && clock < to : from <= clock || clock < to;
}

const isUsedUp = ({ cap }: WrittenGrant, { used }: Case): boolean =>
  cap !== undefined && used >= Number(cap.split('/')[0]);

/** How many people must still approve. */
function missing({ approval }: WrittenGrant, asked: Case): number {
  if (approval === undefined) return 0;
  const { people = 1 } = approval === 'required' ? {} : approval;
  return Math.max(0, people - givenTo({ level: 'full', approval }, asked).length);
}

/** Whose words count, each person once. */
function givenTo({ approval }: WrittenGrant, asked: Case): readonly string[] {
  if (approval === undefined) return [];
  const { by } = approval === 'required' ? { by: undefined } : approval;
  const given = new Map<string, Person>();
  for (const name of asked.approvedBy) {
    const operator = asked.operators[name];
    if (!operator || (by && !by.includes(name)) || isSame(operator, asked.bot)) continue;
    if (![...given.values()].some((other) => isSame(other, operator))) given.set(name, operator);
  }
  return [...given.keys()];
}

const isSame = (a: Person, b: Person): boolean =>
  a.public_key === b.public_key || (a.pagerduty_user !== undefined && a.pagerduty_user === b.pagerduty_user);
