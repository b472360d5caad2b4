import { html } from 'hono/html';
import { isSamePerson } from '../../gate/approval.ts';
import { digestOf } from '../../gate/canonical.ts';
import { join } from '../../gate/words.ts';
import {
  approveStep,
  longestReason,
  noAnswer,
  type RunName,
  refuseStep,
  sentenceOn,
  type WaitingStep,
  waitingRuns,
  waitingStep,
  waitingSteps,
} from '../approvals.ts';
import { OncallError } from '../errors.ts';
import { anyOf } from '../grants-in-short.ts';
import type { OperatorIdentity } from '../identity.ts';
import { shown } from '../step-words.ts';
import { said } from '../words.ts';
import { type Html, hiddenFields, plain, wrong } from './page.ts';
import { runLink } from './runs-page.ts';
import type { Session } from './sessions.ts';
import type { Sources } from './sources.ts';

/** Who looks at a page: the session, and what signs for it; nothing does where the console may sign for nobody. */
export interface Visitor {
  readonly session: Session;
  readonly signer: OperatorIdentity | undefined;
}

/** How long a run has to say what it waits for, in milliseconds. */
const answersWithinMs = 3_000;

/** How long a word on a step may take: the step itself is done meanwhile. */
const wordTakesMs = 90_000;

/** Every step that waits for a word, with what its operator sees before signing. */
export async function approvalsOf(sources: Sources, visitor: Visitor): Promise<Html> {
  const [{ steps, silent }, runs] = await sources.temporal((client) =>
    Promise.all([waitingSteps(client, undefined, answersWithinMs), waitingRuns(client)]),
  );
  return html`<div data-waits="${waitsOf(runs)}">
${silent.length === 0 ? '' : wrong(noAnswer(silent.map((run) => said(run))))}
${steps.length === 0 && silent.length === 0 ? plain('Nothing waits for approval.') : ''}
${steps.map((step) => stepOf(step, sources, visitor))}
</div>`;
}

/** What waits, in short: so many runs, and which. */
export const waitsOf = (runs: readonly RunName[]): string =>
  `${runs.length} ${digestOf(runs.map(({ workflowId, runId }) => `${workflowId} ${runId}`).toSorted()).slice(0, 16)}`;

function stepOf(step: WaitingStep, sources: Sources, { session, signer }: Visitor): Html {
  const { id, claim, agent, workflowId } = step;
  const fields = hiddenFields({
    form: session.formToken,
    run: workflowId,
    id,
    claim: digestOf(claim),
  });
  const heading = `step-${id}`;
  const hindrance = hindranceOf(step, sources, signer);
  return html`<article class="card" aria-labelledby="${heading}">
<h3 id="${heading}">${id} of ${said(agent, 60)}</h3>
<pre>${shown(step)}</pre>
<p>${wantedOf(step)} ${sources.linkTo(step) === undefined ? '' : runLink(sources, step, 'The run in the Temporal UI')}</p>
${hindrance === undefined ? '' : html`<p class="soft">${hindrance}</p>`}
<div class="answers">
${
  hindrance === undefined
    ? html`<form method="post" action="/approve">${fields}<button class="main">Approve ${id}</button></form>`
    : ''
}
<form class="no" method="post" action="/deny">${fields}<label>Why not, for the agent and whoever reads the run<input name="reason" required maxlength="${longestReason}" autocomplete="off"></label><button>Deny ${id}</button></form>
</div>
</article>`;
}

/** Whose word it lacks yet. */
function wantedOf({ by, people }: WaitingStep): string {
  const names = by.map((name) => said(name, 60));
  return people > 1
    ? `It lacks the word of ${people} people, each for themselves, of ${join(names)}.`
    : `It lacks the word of ${anyOf(names) || 'somebody, and nobody may give it'}.`;
}

/** Why this visitor's approval would count for nothing; `undefined` where it would count. The gate finds out anew. */
function hindranceOf(
  { by, agent }: WaitingStep,
  { policyState }: Sources,
  signer: OperatorIdentity | undefined,
): string | undefined {
  if (!signer)
    return 'This console signs for nobody, so it cannot approve: start it with ONCALL_OPERATOR and ONCALL_OPERATOR_KEY_FILE, or as a front door (docs/console.md).';
  if (by.includes(signer.name)) return undefined;
  const state = policyState();
  const asks = state.readable ? state.policy.agents.get(agent) : undefined;
  const approves = state.readable ? state.policy.operators.get(signer.name) : undefined;
  if (asks && approves && isSamePerson(asks, approves))
    return `${agent} is your own agent, and nobody approves what their own agent asks for.`;
  return `Your word, ${signer.name}, does not count here, or you have given it already.`;
}

/** The step that a form was about, where it still waits on the facts that the form showed. */
async function stepShown(sources: Sources, { run, id, claim }: Form): Promise<WaitingStep> {
  const step = await sources.temporal((client) => waitingStep(client, id, run), 15_000);
  if (step.id === id && digestOf(step.claim) === claim) return step;
  throw new OncallError(`What ${id} was about has changed since you saw it; nothing was signed. Look again.`);
}

/** A form about a step, as it was sent. */
export interface Form {
  readonly run: string;
  readonly id: string;
  /** Digest of what the page showed to be signed. */
  readonly claim: string;
  readonly reason: string;
}

/** Signs a step for whoever signed in, and gives what the gate made of that. */
export async function approveShown(sources: Sources, { signer }: Visitor, form: Form): Promise<Told> {
  if (!signer) throw new OncallError('This console signs for nobody, so it cannot approve.');
  const step = await stepShown(sources, form);
  const answer = await sources.temporal((client) => approveStep(client, signer, step), wordTakesMs);
  return { sentence: sentenceOn(step, answer), isRefusal: answer !== undefined && isRefused[answer.step] };
}

/** Says no to a step. It narrows, so that nobody is asked for proof. */
export async function denyShown(sources: Sources, { session }: Visitor, form: Form): Promise<Told> {
  const reason = form.reason.trim();
  if (reason === '' || reason.length > longestReason)
    throw new OncallError(`Nothing was denied: say why, in 1 to ${longestReason} characters.`);
  const step = await stepShown(sources, form);
  const answer = await sources.temporal(
    (client) => refuseStep(client, session.name, step, reason),
    wordTakesMs,
  );
  return { sentence: sentenceOn(step, answer), isRefusal: answer !== undefined && answer.step !== 'refused' };
}

type Told = NonNullable<Session['told']>;

/** Whether an approval came to nothing. */
const isRefused = {
  done: false,
  waits: false,
  refused: true,
  denied: true,
  changed: true,
  failed: true,
} as const;
