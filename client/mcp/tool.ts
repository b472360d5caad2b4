import type { Client } from '@temporalio/client';
import type { z } from 'zod';
import type { Agent } from '../../gate/configuration.ts';
import type { Action } from '../../pagerduty/catalogue/endpoint.ts';
import type { AgentIdentity } from '../identity.ts';
import type { Oncall } from '../oncall.ts';
import type { Duty } from './duty.ts';

/** Who calls a tool, and with what it is answered. */
export interface Caller {
  readonly agent: AgentIdentity;
  readonly account: string;
  /** What the configuration grants it; `undefined` where no configuration lies beside this server. */
  readonly grants: Pick<Agent, 'grants'> | undefined;
  /** Speaks as the agent: everything goes through its runs. */
  readonly oncall: Oncall;
  /** For reading runs and answering for the agent; never for PagerDuty. */
  readonly client: Client;
  /** The incidents that were handed to it. */
  readonly duty: Duty;
  /** Aborted when nobody waits for the answer any more, and when it is overdue. */
  readonly signal: AbortSignal;
  /** When the answer is due, milliseconds since 1970: what takes longer goes on as a run. */
  readonly due: number;
}

/** What a tool answers: words for the model, and the same facts as data. */
export interface Answer {
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A task that an agent can do, as data: the list of tools, their checks and their calls are derived from it. */
export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: `pd_${string}`;
  readonly title: string;
  readonly description: string;
  /** Flat and strict, each parameter described. */
  readonly input: Input;
  /** `repeatable`: called twice with the same arguments it does once what it does. */
  readonly kind: 'read' | { readonly destructive: boolean; readonly repeatable: boolean };
  /** Shown to agents that are granted one of these; absent: to all. */
  readonly actions?: readonly Action[];
  /** The same tool without what an agent has no use for. */
  readonly cut?: (isGranted: (action: Action) => boolean) => AnyTool;
  /** @throws ToolError in words for the agent. */
  readonly answer: (input: z.output<Input>, caller: Caller) => Promise<Answer>;
}

/** A tool with the type of its input forgotten; the input is parsed by its own schema before it is answered. */
export type AnyTool = Omit<Tool, 'answer'> & {
  readonly answer: (input: never, caller: Caller) => Promise<Answer>;
};

export const tool = <Input extends z.ZodObject>(declared: Tool<Input>): AnyTool => declared;

/** Why a tool was not done, so that an agent can choose what to do. */
export type ErrorCode =
  | 'invalid_input'
  | 'not_found'
  | 'denied'
  | 'approval_refused'
  | 'conflict'
  | 'rate_limited'
  | 'pagerduty_error'
  | 'unknown_outcome'
  | 'yielded_to_human'
  | 'run_failed'
  | 'unavailable';

/** What to do next: a tool to call, or words. */
export type NextStep = string | { readonly tool: string; readonly args: Readonly<Record<string, unknown>> };

/** A tool was not done. The sentence goes to the agent. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly code: ErrorCode;
  readonly next: readonly NextStep[];
  /** The run that tells the whole of it. */
  readonly run: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    next: readonly NextStep[] = [],
    rest: { readonly run?: string; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.next = next;
    this.run = rest.run;
    this.retryAfterSeconds = rest.retryAfterSeconds;
  }
}
