import { z } from 'zod';
import { closest } from '../../gate/closest.ts';
import type { Agent } from '../../gate/configuration.ts';
import { grantFor, type Level } from '../../gate/grants.ts';
import { inputFaults } from '../../gate/run-inputs.ts';
import type { Action } from '../../pagerduty/catalogue/endpoint.ts';
import { can } from './can.ts';
import { configure } from './configure.ts';
import { find } from './find.ts';
import { get } from './get.ts';
import { onCall } from './oncall.ts';
import { type AnyTool, ToolError } from './tool.ts';
import { finding, next } from './work.ts';
import { run, workflow } from './workflow.ts';
import { acknowledge, event, note, override, page, reassign, resolve } from './writes.ts';

/** Every tool there is, in the order in which they are listed. */
export const tools: readonly AnyTool[] = [
  find,
  get,
  onCall,
  can,
  next,
  finding,
  acknowledge,
  note,
  resolve,
  reassign,
  page,
  event,
  override,
  configure,
  workflow,
  run,
];

/** The tools that an agent with these grants has any use for, cut to it. What is hidden is denied by the gate as well. */
export function toolsFor(agent: Pick<Agent, 'grants'> | undefined): readonly AnyTool[] {
  if (!agent) return tools;
  const levelOf = (action: Action): Level => grantFor(agent.grants, action)?.grant.level ?? 'off';
  const isGranted = (action: Action): boolean =>
    action.endsWith('.view') ? levelOf(action) !== 'off' : levelOf(action) === 'full';
  return tools
    .filter(({ actions }) => !actions || actions.some(isGranted))
    .map((tool) => tool.cut?.(isGranted) ?? tool);
}

/** A tool as `tools/list` shows it. */
export function shown({ name, title, description, input, kind }: AnyTool) {
  const { $schema: _, ...inputSchema } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' });
  return {
    name,
    title,
    description,
    inputSchema: inputSchema as { readonly type: 'object'; readonly [field: string]: unknown },
    // The other hints say something of writes alone.
    annotations:
      kind === 'read'
        ? { readOnlyHint: true }
        : { readOnlyHint: false, destructiveHint: kind.destructive, idempotentHint: kind.repeatable },
  };
}

/**
 * A tool by its name.
 * @throws ToolError with the one that was perhaps meant.
 */
export function toolNamed(name: string, known: readonly AnyTool[]): AnyTool {
  const found = known.find((one) => one.name === name);
  if (found) return found;
  const names = known.map((one) => one.name as string);
  const near = closest(name, names);
  throw new ToolError(
    'invalid_input',
    `You have no tool ${JSON.stringify(name.slice(0, 60))}${near ? `; did you mean ${near}?` : '.'} There are ${names.join(', ')}.`,
    near === undefined ? [] : [{ tool: near, args: {} }],
  );
}

/** The arguments of a call, once they are checked. */
export type Arguments = Readonly<Record<string, unknown>>;

/** How many faults of an input are told at once. */
const mostFaults = 8;

/**
 * The arguments of a call, checked.
 * @throws ToolError that names each one that is wrong.
 */
export function argumentsOf({ name, input }: AnyTool, given: unknown): Arguments {
  if (!isWellFormed(given))
    throw new ToolError(
      'invalid_input',
      `${name}: half a character stands in the arguments; send whole text.`,
    );
  const parsed = input.safeParse(given ?? {}, { reportInput: true });
  if (parsed.success) return parsed.data;
  const faults = inputFaults(input, parsed.error);
  const told = faults
    .slice(0, mostFaults)
    .map(({ path, message }) => `${path.join('.') || 'the arguments'}: ${message}`);
  const rest = faults.length - told.length;
  throw new ToolError(
    'invalid_input',
    `${name}: ${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`,
    ['Mend the arguments that are named and call again; nothing was done.'],
  );
}

/** Whether all text in a value is whole: Temporal and PagerDuty take no half of a character. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isWellFormed(inner));
}
