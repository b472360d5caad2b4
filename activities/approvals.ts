import { answerIn } from '../gate/answers.ts';
import { type ApprovalClaim, approvalClaim } from '../gate/approval.ts';
import { digestOf } from '../gate/canonical.ts';
import type { Decision } from '../gate/decide.ts';
import { planClaim, planOf, planStep } from '../gate/plan.ts';
import type { Policy } from '../gate/policy.ts';
import { spend } from '../gate/spent.ts';
import { claimedAgent, keysAt, StatementError, verify } from '../gate/statement.ts';
import { operatorIn } from '../gate/voice.ts';
import { nameOf } from '../gate/words.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import type { Note } from '../pagerduty/catalogue/notes.ts';
import { type Call, type NoteWord, stepKeyOf } from './call.ts';
import type { AllFacts } from './facts.ts';

/** An operator's word on one step that was verified. */
export interface Approved {
  readonly operator: string;
  /** Id of the statement or of the note; the first run that shows it spends it. */
  readonly jti: string;
  /** The front door that signed for the operator. */
  readonly via?: string;
}

/** What the words that came with a step prove. */
export interface Approvals {
  readonly approved: readonly Approved[];
  /** Why the others count for nothing, a sentence each. */
  readonly unheard: readonly string[];
}

export const noApprovals: Approvals = { approved: [], unheard: [] };

/** Says why a word counts for nothing. */
export const unheard = (name: string, why: string): string =>
  `The word of ${nameOf(name)} counts for nothing: ${why}.`;

/** Whose words approve this step on these facts: signed, or written as a note. What proves nothing counts for nothing; it is no error. */
export async function approvalsIn<Name extends OperationName>(
  call: Call<Name>,
  policy: Policy,
  facts: AllFacts,
  first: Decision,
): Promise<Approvals> {
  const claim = planClaimOf(call) ?? approvalClaim(call.step, facts);
  const approved = new Map<string, Approved>();
  const idle: string[] = [];
  const take = (word: Approved | string): void => {
    if (typeof word === 'string') idle.push(word);
    else approved.set(word.operator, word);
  };
  for (const statement of call.statements) take(await signedWord(call, policy, claim, statement));
  for (const note of call.notes) take(await notedWord(call, policy, claim, { note, facts, first }));
  return { approved: [...approved.values()], unheard: idle };
}

/** What was signed where the step is part of a plan: the incidents are as the plan saw them, or it would not have come so far. */
function planClaimOf<Name extends OperationName>({
  proofs,
  unchanged: seen = [],
  turns,
  name: operation,
  planned: request,
  origin,
}: Call<Name>): ApprovalClaim | undefined {
  const hash = proofs && planOf({ operation, request, seen, turns }, proofs);
  return hash === undefined ? undefined : planClaim(stepKeyOf(origin, planStep), hash);
}

/** The operator who signed the claim; a sentence where the statement proves nothing. */
export async function signedWord(
  { deps, origin }: Pick<Call<OperationName>, 'deps' | 'origin'>,
  policy: Policy,
  claim: ApprovalClaim,
  statement: string,
): Promise<Approved | string> {
  const [{ workflowId, firstRunId }] = origin.lineage;
  const voice = operatorIn(statement, policy);
  if (typeof voice === 'string') return unheard(claimedAgent(statement) || 'nobody', voice);
  const { name, operator, signer, via } = voice;
  if (!operator.approve_by.includes('key'))
    return unheard(name, 'the configuration takes no signature from there');
  try {
    const asked = { target: workflowId, type: 'approve', input: claim };
    // A key that was rotated before now proves nothing here: an approval is given while the step waits.
    const { jti } = await verify(statement, keysAt(signer, deps.now()), asked);
    return (await spend(await deps.store(), { jti, workflowId, firstRunId }))
      ? { operator: name, jti, ...(via !== undefined && { via }) }
      : unheard(name, 'the statement was already used by another run');
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    return unheard(name, `the statement ${error.message}`);
  }
}

/** How far PagerDuty's clock may be behind the server's, in milliseconds. */
const graceMs = 60_000;

/**
 * The operator who answered by a note: PagerDuty vouches for who wrote it, read back in this attempt. It is as strong as the
 * account's key, and no stronger.
 */
async function notedWord<Name extends OperationName>(
  call: Call<Name>,
  policy: Policy,
  claim: ApprovalClaim,
  on: { readonly note: NoteWord; readonly facts: AllFacts; readonly first: Decision },
): Promise<Approved | string> {
  const { deps, origin, reader } = call;
  const { incident, id } = on.note;
  const { notes } = await reader.ask('listIncidentNotes', { params: { id: incident } }, incident);
  const note = notes.find((one) => one.id === id);
  const author = note?.user;
  if (!note || !author) return unheard('a note', 'it is not there, or nobody wrote it');
  const who = author.summary ?? author.id;
  if ((await reader.ourUsers()).includes(author.id)) return unheard(who, 'that is a user of ours');
  const [name, operator] =
    [...policy.operators].find(([, { pagerduty_user }]) => pagerduty_user === author.id) ?? [];
  if (name === undefined || !operator)
    return unheard(who, 'the configuration knows no operator who is that user');
  if (!operator.approve_by.includes('note'))
    return unheard(name, 'the configuration takes no note from there');
  const answer = answerIn(note.content);
  if (answer?.kind !== 'ok') return unheard(name, 'the note says something else');
  if (!digestOf(claim).startsWith(answer.code))
    return unheard(name, 'the note is about another step, or about facts that have changed since');
  if (isBefore(note, origin.startedAt - graceMs)) return unheard(name, 'the note is older than the run');
  const { first } = on;
  const isNamed = first.decision === 'approval_needed' && first.isNamed && first.by.includes(name);
  if (!isNamed && !(await isOnCall(call, author.id, on.facts)))
    return unheard(name, 'a note counts only of who is on call for the incident now');
  const [run] = origin.lineage;
  const jti = `note ${deps.account} ${id}`;
  return (await spend(await deps.store(), { jti, ...run }))
    ? { operator: name, jti }
    : unheard(name, 'the note was already used by another run');
}

const isBefore = ({ created_at }: Note, at: number): boolean =>
  typeof created_at !== 'string' || Date.parse(created_at) < at;

/** Whether a person is on call now for the escalation policy of the one incident that a step touches. */
async function isOnCall<Name extends OperationName>(
  { reader }: Call<Name>,
  user: string,
  { incidents = [] }: AllFacts,
): Promise<boolean> {
  const [incident, ...others] = incidents;
  if (incident?.policy === undefined || others.length > 0) return false;
  return (await reader.duty(user)).includes(incident.policy);
}
