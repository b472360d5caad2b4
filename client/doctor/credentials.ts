import type { Agent, Credential, SecretRef } from '../../gate/configuration.ts';
import type { User } from '../../pagerduty/catalogue/users.ts';
import { PagerDutyError } from '../../pagerduty/errors.ts';
import type { Looker } from '../../pagerduty/looking.ts';
import { oneLine } from '../../pagerduty/text.ts';
import type { AccountLook, SeenAccount } from './account.ts';
import { type Finding, some, wordsOf } from './finding.ts';
import { scopesOf } from './grants.ts';

/** A routing key of the Events API is of this form. */
const routingKey = /^[A-Za-z0-9]{32}$/;

/** Routing keys and webhook secrets: whether each can be read here, and whether it can be one. */
export function lookAtKeys({ name, account, secrets }: AccountLook): readonly Finding[] {
  const of = `account ${name}`;
  const findings: Finding[] = [];
  const valueOf = (what: string, ref: SecretRef): string | undefined => {
    try {
      return secrets(ref);
    } catch (error) {
      findings.push({ of, what: `${what}: ${wordsOf(error)}`, mend: howToSet(ref) });
      return undefined;
    }
  };
  const byKey = new Map<string, string>();
  for (const [key, ref] of Object.entries(account.routing_keys)) {
    const value = valueOf(`the routing key ${key} cannot be read`, ref);
    if (value === undefined) continue;
    const twin = byKey.get(value);
    if (!routingKey.test(value))
      findings.push({
        of,
        what: `what ${ref} holds is no routing key: one has 32 letters and digits`,
        mend: `put the integration key of an Events API v2 integration there, for routing_keys.${key}`,
      });
    else if (twin !== undefined)
      findings.push({
        of,
        what: `the routing keys ${twin} and ${key} are the same key, so a grant of one is a grant of both`,
        mend: 'give each name the key of its own integration, or take one away',
      });
    byKey.set(value, key);
  }
  for (const ref of account.webhook_secrets ?? []) valueOf('a webhook secret cannot be read', ref);
  return findings;
}

const howToSet = (ref: SecretRef): string =>
  ref.startsWith('env:')
    ? `set ${ref.slice(4)} where the Worker starts, and call this with the Worker’s environment`
    : `write it to ${ref.slice(5)}, readable for the Worker’s user and for you`;

interface CredentialLook {
  readonly of: string;
  readonly looker: Looker;
  readonly credential: Credential;
  /** The agents that work with it. */
  readonly agents: readonly (readonly [string, Agent])[];
}

/** Whose a credential is, whether it is of the kind that the configuration says, and whether it reaches as far as the grants. */
export async function lookAtCredential(
  { account, secrets }: Pick<AccountLook, 'account' | 'secrets'>,
  { of, looker, credential, agents }: CredentialLook,
): Promise<Pick<SeenAccount, 'findings' | 'isReadable'>> {
  const ref = credential.kind === 'oauth' ? credential.client_secret : credential.ref;
  try {
    const value = secrets(ref);
    const isOauth = /^pd(us|eu)\+/.test(value);
    if (credential.kind === 'token' && isOauth)
      return unreadable(
        of,
        `what ${ref} holds is an OAuth token, and no API key`,
        `name it as bearer: ${ref}`,
      );
  } catch (error) {
    return unreadable(of, wordsOf(error), howToSet(ref));
  }
  const findings: Finding[] = [];
  try {
    const granted = await looker.scopes();
    if (granted) findings.push(...lackingScopes(of, granted, agents));
    const me = await looker.read('getCurrentUser', {}).catch((error: unknown) => {
      // An account's key is nobody's, and an app's token neither: a 400. What lacks a right is told by what it cannot do.
      const { kind } = error instanceof PagerDutyError ? error.facts : {};
      if (kind === 'InvalidRequest' || kind === 'Forbidden') return undefined;
      throw error;
    });
    if (me) findings.push(...personal(of, me.response.user, credential, Object.values(account.from)));
    return { findings, isReadable: true };
  } catch (error) {
    const kind = error instanceof PagerDutyError ? error.facts.kind : undefined;
    const url = account.region === 'custom' ? account.rest_url : `PagerDuty (${account.region})`;
    if (kind === 'Unauthenticated')
      return unreadable(
        of,
        `PagerDuty does not take what ${ref} holds (${wordsOf(error)})`,
        `make a new one in PagerDuty (Integrations → API Access Keys) and put it there; a key of another region is refused as well (region: ${account.region})`,
        findings,
      );
    return unreadable(
      of,
      wordsOf(error),
      `see whether ${url} can be reached from here, and status.pagerduty.com`,
      findings,
    );
  }
}

const unreadable = (of: string, what: string, mend: string, findings: readonly Finding[] = []) => ({
  findings: [...findings, { of, what, mend }],
  isReadable: false,
});

/** That a key is a person's, whose acts ours would then be. */
function personal(
  of: string,
  { name, email }: User,
  { kind }: Credential,
  addresses: readonly string[],
): readonly Finding[] {
  if (addresses.some((address) => address.toLowerCase() === email?.toLowerCase())) return [];
  const who = oneLine(name ?? email ?? 'somebody', 100);
  return [
    {
      of,
      what: `its ${kind} is ${who}’s own: what runs do counts as ${who}’s, and ends when ${who} leaves`,
      mend: 'take an API key of the account (Integrations → API Access Keys), an OAuth app, or the key of the user whom from names',
    },
  ];
}

function lackingScopes(
  of: string,
  granted: ReadonlySet<string>,
  agents: CredentialLook['agents'],
): readonly Finding[] {
  return agents.flatMap(([name, agent]) => {
    const lacking = [...scopesOf(agent)].filter(([scope]) => !granted.has(scope));
    if (lacking.length === 0) return [];
    const grants = [...new Set(lacking.map(([, grant]) => grant))];
    const scopes = lacking.map(([scope]) => scope);
    return [
      {
        of,
        what: `${name} is granted ${some(grants)}, and the OAuth app has not ${scopes.join(', ')}`,
        mend: `add ${scopes.join(' ')} to the app in PagerDuty, and to oauth.scopes where these are named`,
      },
    ];
  });
}
