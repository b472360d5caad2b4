import { expect } from 'vitest';
import type { Outcome, Plan, PlanWrite } from '../../workflows/contract.ts';
import type { SeenRequest } from './join.ts';
import type { Stage } from './stage.ts';

/** A write as a plan has it and as PagerDuty got it. */
export interface Write {
  readonly operation: string | null;
  /** Ids in its path, in their order. */
  readonly ids: readonly string[];
  readonly body: unknown;
}

export const plannedWrites = (plan: Pick<Plan, 'writes'>): readonly Write[] => plan.writes.map(asWrite);

const asWrite = ({ operation, request }: Pick<PlanWrite, 'operation' | 'request'>): Write => {
  const { params = {}, body } = request as {
    readonly params?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
  return { operation, ids: Object.values(params), body: body ?? null };
};

/** The writes that PagerDuty took since its log had so many requests, in their order, without the marks of their steps. */
export async function takenSince(stage: Stage, before: number): Promise<readonly Write[]> {
  return (await stage.requests())
    .slice(before)
    .filter(
      ({ method, by, status }) => method !== 'GET' && by === undefined && status !== null && status < 300,
    )
    .map(taken);
}

/** The run ends so, in such words, and PagerDuty took no write since its log had so many requests. */
export async function endsUnwritten(
  stage: Stage,
  run: { readonly result: () => Promise<unknown> },
  before: number,
  outcome: Outcome,
  summary: RegExp,
): Promise<void> {
  expect(await run.result()).toMatchObject({
    outcome,
    summary: expect.stringMatching(summary),
    changed: [],
  });
  expect(await takenSince(stage, before)).toEqual([]);
}

function taken({ operation, path, body }: SeenRequest): Write {
  const { note } = (body ?? {}) as { readonly note?: { readonly content: string } };
  return {
    operation,
    // `/incidents/P1/notes`, `/teams/P1/users/P2`, `/v2/enqueue`: ids stand at every second place.
    ids: path.startsWith('/v2/')
      ? []
      : path.split('/').filter((part, index) => part !== '' && index % 2 === 0),
    body: note ? { note: { content: note.content.replace(/\n\n[^\n]+$/, '') } } : (body ?? null),
  };
}
