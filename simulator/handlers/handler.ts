import type { Catalogue, OperationName } from '../../pagerduty/catalogue/index.ts';
import type { Credential, User } from '../model.ts';
import type { Query } from '../query.ts';
import type { World } from '../world.ts';

/** A request that got past everything that is the same for all operations: credential, budget, headers. */
export interface Call<Name extends OperationName> {
  readonly world: World;
  readonly params: Readonly<Record<Placeholders<Catalogue[Name]['path']>, string>>;
  readonly query: Query;
  /** What was sent, as JSON; of a REST write always an object. Nothing in it is checked. */
  readonly body: unknown;
  /** Whose key or token it is; the Events API has none. */
  readonly credential: Catalogue[Name]['api'] extends 'rest' ? Credential : undefined;
  /** The user in whose name it is asked, by the key or by `From`; nobody where an account's key asks and `From` is not needed. */
  readonly actor: Catalogue[Name] extends { readonly from: 'required' } | { readonly token: 'user' }
    ? User
    : User | undefined;
}

export interface Outcome {
  readonly status: number;
  /** Absent: none is sent. */
  readonly body?: unknown;
}

/** @throws Refusal where PagerDuty would not do it; nothing has happened then. */
export type Handler<Name extends OperationName> = (call: Call<Name>) => Outcome;

/** One for each operation of the catalogue: a missing one does not compile. */
export type Handlers = { readonly [Name in OperationName]: Handler<Name> };

export const ok = (body: unknown): Outcome => ({ status: 200, body });
export const created = (body: unknown): Outcome => ({ status: 201, body });
export const noContent: Outcome = { status: 204 };

/** The names in braces of a path. */
type Placeholders<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;
