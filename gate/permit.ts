import { type Endpoint, isWrite } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName, type RequestOf } from '../pagerduty/catalogue/index.ts';
import type { Stamp } from './audit.ts';
import type { Question } from './question.ts';

/** Something was to be sent that the gate did not allow, or not like this. A fault of ours: it ends the run. */
export class NotPermitted extends Error {
  override readonly name = 'NotPermitted';
}

/** A yes to one request. Only this module makes one; the sender takes nothing else, and sends what stands in it, once. */
class Yes<Name extends OperationName> {
  readonly name: Name;
  readonly #request: RequestOf<Name>;
  #isSpent = false;

  constructor(name: Name, request: RequestOf<Name>) {
    this.name = name;
    this.#request = request;
  }

  spend(): RequestOf<Name> {
    if (this.#isSpent)
      throw new NotPermitted(`The permit for ${this.name} was used already; nothing was sent.`);
    this.#isSpent = true;
    return this.#request;
  }
}
export type Permit<Name extends OperationName> = Yes<Name>;

/** What a yes is for: one request of one run. */
export type Purpose = NonNullable<Question['for']>;

/** The question to which the gate itself said a yes. What it did not say is not in here, however much it looks the same. */
const said = new WeakMap<object, Question>();

/** Notes that the gate says this yes to this question. For the gate's own engines alone. */
export function saying<Allowed extends object>(question: Question, allowed: Allowed): Allowed {
  said.set(allowed, question);
  return allowed;
}

/**
 * The permit to send what the gate allowed, once it is written down.
 * @param decision the very word that the gate gave; a copy is none.
 * @param entry where it is written.
 * @param call whose call it is; the word must have been given to exactly this one.
 * @param request what goes out for it: narrowed, or with the mark of its step.
 * @throws NotPermitted
 */
export function permitFor<Name extends OperationName>(
  decision: object,
  entry: Stamp,
  call: Purpose & { readonly agent: string; readonly name: Name },
  request: RequestOf<Name>,
): Permit<Name> {
  const question = said.get(decision);
  const refuse = (why: string): NotPermitted =>
    new NotPermitted(`${call.agent} sends no ${call.name}: ${why}; nothing was sent.`);
  if (!question) throw refuse('the gate did not allow it');
  if (!question.for) throw refuse('the gate was only asked what it would say');
  if (entry.hash === '') throw refuse('no entry says that it was allowed');
  const asked = { ...question.for, agent: question.agent, name: question.operation };
  const other = (['agent', 'name', 'request', 'workflowId', 'runId'] as const).find(
    (field) => asked[field] !== call[field],
  );
  if (other) throw refuse(`the gate allowed it to another ${other === 'name' ? 'operation' : other}`);
  return new Yes(call.name, request);
}

/**
 * The permit to read what a decision needs to know. Its request is listed in the entry of that decision.
 * @throws NotPermitted where it would change anything.
 */
export function permitToLook<Name extends OperationName>(name: Name, request: RequestOf<Name>): Permit<Name> {
  const endpoint: Endpoint = catalogue[name];
  if (isWrite(endpoint))
    throw new NotPermitted(`${name} is no look: it changes PagerDuty. Nothing was sent.`);
  return new Yes(name, request);
}

/** What a permit allows to send, given out once. For the sender alone. */
export const spent = <Name extends OperationName>(permit: Permit<Name>): RequestOf<Name> => permit.spend();
