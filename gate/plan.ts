import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../pagerduty/catalogue/index.ts';
import type { ApprovalClaim } from './approval.ts';
import { digestOf } from './canonical.ts';

/** Name of the step at which a run asks for the word on its plan, and what that step asks for. */
export const planStep = 'Plan';
export const planOperation = 'plan';

/** A write as it is planned: what would be sent, and the incidents it is about, as they were seen. */
export interface PlannedRequest {
  readonly operation: OperationName;
  readonly request: object;
  readonly seen: readonly { readonly id: string }[];
  /** The turns of a schedule that it changes, as they were seen. */
  readonly turns?: readonly object[] | undefined;
}

/** What a plan is hashed over. */
export interface Hashed {
  /** Whose plan it is, where, and what of its reads it hangs on beside the incidents. */
  readonly head: object;
  readonly writes: readonly PlannedRequest[];
}

/** What shows that something is part of a plan: the hashes beside it on the way up to the plan's own, each with its side. */
export type Proof = readonly string[];

/**
 * The hash of a plan, and for each write the proofs of its parts. The hash is the root of a tree, so that one word on it covers
 * each write of the plan by itself, and each incident of a bulk update: what must be left out of it takes no word away from the rest.
 */
export function hashed({ head, writes }: Hashed): {
  readonly hash: string;
  readonly proofs: readonly (readonly Proof[])[];
} {
  const counts = writes.map((write) => leavesOf(write).length);
  const leaves = [digestOf(['head', head]), ...writes.flatMap(leavesOf)];
  const { root, proofs } = tree(leaves);
  let next = 1;
  return {
    hash: root,
    proofs: counts.map((count) => {
      const own = proofs.slice(next, next + count);
      next += count;
      return own;
    }),
  };
}

/** The hash of the plan that has all parts of this write in it; `undefined` where the proofs do not show one. */
export function planOf(write: PlannedRequest, proofs: readonly Proof[]): string | undefined {
  const leaves = leavesOf(write);
  if (leaves.length !== proofs.length) return undefined;
  const [root, ...others] = new Set(leaves.map((leaf, index) => climb(leaf, proofs[index] ?? [])));
  return others.length === 0 ? root : undefined;
}

/** What an operator signs who approves a plan: all of it, on all that it was made on. */
export const planClaim = (stepKey: string, hash: string): ApprovalClaim => ({
  step: stepKey,
  request: hash,
  facts: hash,
});

/** A request with the ids of what earlier writes of its plan have made, where it names those by what they were to be. */
export const bound = (request: object, ids: Readonly<Record<string, string>>): object =>
  JSON.parse(JSON.stringify(request), (field, value: unknown) =>
    field === 'id' && typeof value === 'string' && Object.hasOwn(ids, value) ? ids[value] : value,
  ) as object;

/** A bulk update is as many parts as it has incidents. */
function leavesOf({ operation, request, seen, turns }: PlannedRequest): readonly string[] {
  const { bulk }: Endpoint = catalogue[operation];
  const parts = bulk ? [...bulk.alone(request as never)] : [];
  if (parts.length === 0) return [digestOf(['write', operation, request, seen, ...(turns ? [turns] : [])])];
  return parts.map(([id, alone]) =>
    digestOf(['write', operation, alone, seen.filter((incident) => incident.id === id)]),
  );
}

function tree(leaves: readonly string[]): { readonly root: string; readonly proofs: readonly Proof[] } {
  const proofs = leaves.map((): string[] => []);
  let level = leaves.map((hash, index) => ({ hash, under: [index] }));
  while (level.length > 1) {
    const above: typeof level = [];
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index], level[index + 1]];
      if (!left) break;
      // The odd one goes up as it is.
      if (!right) above.push(left);
      else {
        for (const leaf of left.under) proofs[leaf]?.push(`right ${right.hash}`);
        for (const leaf of right.under) proofs[leaf]?.push(`left ${left.hash}`);
        above.push({ hash: both(left.hash, right.hash), under: [...left.under, ...right.under] });
      }
    }
    level = above;
  }
  return { root: level[0]?.hash ?? '', proofs };
}

const both = (left: string, right: string): string => digestOf(['both', left, right]);

const climb = (leaf: string, proof: Proof): string =>
  proof.reduce((hash, step) => {
    const [side, beside = ''] = step.split(' ');
    return side === 'left' ? both(beside, hash) : both(hash, beside);
  }, leaf);
