import type { Account } from '../gate/configuration.ts';
import type { Secrets } from '../gate/secrets.ts';
import { catalogue, type OperationName, type RequestOf } from './catalogue/index.ts';
import { connector } from './connector.ts';
import { type Answer, type Connection, send } from './http.ts';

/** Operations that change nothing: each is a GET. */
export type Reading = {
  [Name in OperationName]: (typeof catalogue)[Name]['method'] extends 'GET' ? Name : never;
}[OperationName];

/** Looks at an account by its own credential, outside of any run: for the operator who holds it. */
export interface Looker {
  /**
   * @throws PagerDutyError for everything but a 2xx that parses; an Error with a sentence where the credential cannot be read.
   */
  readonly read: <Name extends Reading>(name: Name, request: RequestOf<Name>) => Promise<Answer<Name>>;
  /** What PagerDuty gave to an OAuth app; `undefined` for other credentials. */
  readonly scopes: () => Promise<ReadonlySet<string> | undefined>;
  readonly close: () => Promise<void>;
}

/** Of whom an account's credential or an agent's own is looked at. */
export type Looked = Pick<Account, 'credential'> & { readonly account: Account };

/** @param by what asks, such as `doctor`. */
export function lookerAt({ account, credential }: Looked, secrets: Secrets, by: string): Looker {
  const connect = connector(secrets, Date.now);
  // Nothing is sent over a routing key, so none is read.
  const sender = { account: { ...account, routing_keys: {} }, credential, from: account.from };
  let made: Promise<Connection> | undefined;
  const connection = (): Promise<Connection> => {
    made ??= connect(sender).then((ready) => ({ ...ready, by }));
    return made;
  };
  return {
    read: async (name, request) => {
      // Types are gone where it runs.
      if (catalogue[name].method !== 'GET') throw new Error(`${name} is no reading.`);
      return send(await connection(), name, request);
    },
    scopes: async () => (await connection()).scopes,
    close: async () => {
      const ready = await made?.catch(() => undefined);
      await ready?.dispatcher.destroy();
    },
  };
}
