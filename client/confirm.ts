import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import type { Action, Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue } from '../pagerduty/catalogue/index.ts';
import type { WorkflowName, Workflows } from '../workflows/contract.ts';
import { OncallError, UsageError } from './errors.ts';

/** What gets somebody paged who was not paged before. */
const paging: ReadonlySet<Action> = new Set<Action>([
  'incidents.create',
  'incidents.unacknowledge',
  'incidents.reopen',
  'incidents.reassign',
  'incidents.escalate',
  'events.trigger',
]);

/** What of a run can page people: of an operation what its request asks for, of a Workflow what it is for. */
export async function pagingOf<Name extends WorkflowName>(
  workflow: Name,
  input: Workflows[Name]['input'],
): Promise<readonly Action[]> {
  if (workflow === 'runOperation') {
    const { operation, request } = input as Workflows['runOperation']['input'];
    const { actions }: Endpoint = catalogue[operation];
    // The request was parsed; what hangs on an incident's status counts as if nothing were known of it.
    return actions(request as never, () => undefined).filter((action) => paging.has(action));
  }
  const { isStartable, needs } = await import('./mcp/workflow.ts');
  return isStartable(workflow) ? needs[workflow].filter((action) => paging.has(action)) : [];
}

/** Where a person is asked. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** The terminal at which somebody sits. Without one standard input is not touched: an open pipe would keep the process. */
export const ownTerminal = (): Terminal | null =>
  isatty(0) ? { input: process.stdin, output: process.stderr } : null;

/**
 * Asks the person at the terminal before somebody is paged. Where nobody sits at one the gate alone has the say: agents and
 * scripts are what the command line is for as well.
 * @throws OncallError where the answer is not yes.
 */
export async function agree(
  what: string,
  actions: readonly Action[],
  terminal: Terminal | null = ownTerminal(),
): Promise<void> {
  if (actions.length === 0 || !terminal) return;
  const question = `${what} can page people (${actions.join(', ')}). Go on? [y/N] `;
  if (!(await isYes(question, terminal)))
    throw new OncallError('Nothing was sent. With --yes you are not asked.');
}

/**
 * Asks the person at the terminal before something is changed; who said --yes is not asked.
 * @throws UsageError where nobody sits at one, and --yes was not said.
 */
export async function confirm(
  question: string,
  { yes = false }: { readonly yes?: boolean },
  terminal: Terminal | null = ownTerminal(),
): Promise<boolean> {
  if (yes) return true;
  if (!terminal) throw new UsageError('Nothing was done, since nobody is here to be asked; --yes does it.');
  return isYes(`${question} [y/N] `, terminal);
}

async function isYes(question: string, { input, output }: Terminal): Promise<boolean> {
  const lines = createInterface({ input, output });
  // Ctrl-D is no answer, and Ctrl-C none either.
  const left = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  const answer = await Promise.race([lines.question(question), left]);
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}
