import { Agent } from 'undici';
import type { Account, SecretRef } from '../gate/policy.ts';
import { type Connection, hosts } from '../pagerduty/http.ts';

/** Turns a reference to a secret into the secret; throws a sentence that names the reference where it cannot. */
export type Secrets = (ref: SecretRef) => string;

/** No answer of PagerDuty's is near this size; a larger one is cut off rather than held. */
const largestAnswerBytes = 32 * 1024 * 1024;

/** Makes connections from configured accounts. All share one pool; secrets are read anew, so a rotated key needs no restart. */
export function connector(secrets: Secrets): (account: Account) => Connection {
  const dispatcher = new Agent({
    connect: { timeout: 3_000 },
    maxResponseSize: largestAnswerBytes,
    pipelining: 1,
  });
  return (account) => {
    const { rest, events } =
      account.region === 'custom'
        ? { rest: account.rest_url, events: account.events_url }
        : hosts[account.region];
    const token = secrets(account.token);
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new Error(
        `What ${account.token} holds is no token: it has blanks or letters that no header can carry.`,
      );
    }
    return {
      restUrl: rest,
      eventsUrl: events,
      authorization: `Token token=${token}`,
      from: account.from,
      routingKeys: new Map(Object.entries(account.routing_keys).map(([name, ref]) => [name, secrets(ref)])),
      dispatcher,
    };
  };
}
