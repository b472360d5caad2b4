import type { Catalogue, OperationName } from '../../pagerduty/catalogue/index.ts';
import type { User } from '../model.ts';
import type { Query } from '../query.ts';
import type { World } from '../world.ts';

/** A request that got past everything that is the same for all operations: credential, budget, headers. */
export interface Call<Name extends OperationName> {
  readonly world: World;
  readonly params: Readonly<Record<Placeholders<Catalogue[Name]['path']>, string>>;
  readonly query: Query;
  /** What was sent, as JSON; of a REST write always an object. Nothing in it is checked. */
  readonly body: unknown;
  /** The user in whose name a write is made, by `From` or by the key. */
  readonly actor: Catalogue[Name]['from'] extends 'required' ? User : undefined;
}

export interface Outcome {
  readonly status: number;
  readonly body: unknown;
}

/** @throws Refusal where PagerDuty would not do it; nothing has happened then. */
export type Handler<Name extends OperationName> = (call: Call<Name>) => Outcome;

/** One for each operation of the catalogue. */
export type Handlers = { readonly [Name in OperationName]?: Handler<Name> };

export const ok = (body: unknown): Outcome => ({ status: 200, body });

/** The names in braces of a path. */
type Placeholders<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;
