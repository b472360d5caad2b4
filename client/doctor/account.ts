import type { Account, Credential } from '../../gate/configuration.ts';
import type { Policy } from '../../gate/policy.ts';
import type { Secrets } from '../../gate/secrets.ts';
import { nextDuty } from '../../pagerduty/catalogue/oncalls.ts';
import type { Service } from '../../pagerduty/catalogue/services.ts';
import { idsOf } from '../../pagerduty/catalogue/users.ts';
import { PagerDutyError } from '../../pagerduty/errors.ts';
import type { Looker } from '../../pagerduty/looking.ts';
import { oneLine } from '../../pagerduty/text.ts';
import { lookAtCredential, lookAtKeys } from './credentials.ts';
import { type Finding, skewOf, some, wordsOf } from './finding.ts';
import { type Holding, holdingsOf, servicesNamed } from './grants.ts';

/** What an account is looked at with. */
export interface AccountLook {
  readonly name: string;
  readonly account: Account;
  readonly policy: Policy;
  readonly secrets: Secrets;
  readonly lookerFor: (credential: Credential) => Looker;
  readonly now: () => number;
}

/** A service or a person that the configuration names and this account does not have. */
export interface Absent {
  readonly what: string;
  readonly id: string;
  readonly namedBy: string;
}

/** What a look at an account gave. */
export interface SeenAccount {
  readonly findings: readonly Finding[];
  /** What PagerDuty does not have here; with several accounts another may. */
  readonly absent: readonly Absent[];
  /** Whether PagerDuty could be read at all. */
  readonly isReadable: boolean;
}

/** An account: its secrets, whose its credentials are and what they may, `From` users, time-outs. PagerDuty is only read. */
export async function lookAtAccount(look: AccountLook): Promise<SeenAccount> {
  const { name, account, policy } = look;
  const of = `account ${name}`;
  const findings: Finding[] = [...lookAtKeys(look)];
  const agents = [...policy.agents];
  const own = agents.flatMap(([agent, { credentials = {} }]) => {
    const credential = credentials[name];
    return credential ? [{ agent, credential: credential.credential, from: credential.from }] : [];
  });
  const sharing = agents.filter(([agent]) => !own.some((one) => one.agent === agent));
  const looker = look.lookerFor(account.credential);
  try {
    const main = await lookAtCredential(look, {
      of,
      looker,
      credential: account.credential,
      agents: sharing,
    });
    findings.push(...main.findings);
    for (const one of own) findings.push(...(await lookAtOwn(look, one)));
    if (!main.isReadable) return { findings, absent: [], isReadable: false };
    const froms = [account.from, ...own.flatMap(({ from }) => (from ? [from] : []))];
    findings.push(...(await lookAtFrom(look, looker, froms)));
    findings.push(...(await lookAtTimeouts(look, looker)));
    return { findings, absent: await absentIn(policy, looker), isReadable: true };
  } catch (error) {
    if (!(error instanceof PagerDutyError)) throw error;
    findings.push({
      of,
      what: `PagerDuty could not be read to the end: ${wordsOf(error)}`,
      mend: error.facts.kind === 'Forbidden' ? 'give the credential the right to read' : 'call this again',
    });
    return { findings, absent: [], isReadable: false };
  } finally {
    await looker.close();
  }
}

/** The credential that an agent has of its own. */
async function lookAtOwn(
  look: AccountLook,
  {
    agent,
    credential,
    from = look.account.from,
  }: { readonly agent: string; readonly credential: Credential; readonly from: Account['from'] | undefined },
): Promise<readonly Finding[]> {
  const looker = look.lookerFor(credential);
  try {
    const { findings } = await lookAtCredential(
      { ...look, account: { ...look.account, from } },
      {
        of: `${agent} in account ${look.name}`,
        looker,
        credential,
        agents: [...look.policy.agents].filter(([other]) => other === agent),
      },
    );
    return findings;
  } finally {
    await looker.close();
  }
}

/** Our own users: each `From` address must be a user's, and none of them may be on call. */
export async function lookAtFrom(
  { name, now }: Pick<AccountLook, 'name' | 'now'>,
  looker: Looker,
  froms: readonly Readonly<Record<string, string>>[],
): Promise<readonly Finding[]> {
  const of = `account ${name}`;
  const findings: Finding[] = [];
  const addresses = froms.flatMap((from) => Object.values(from).map((one) => one.toLowerCase()));
  for (const address of new Set(addresses)) {
    const before = now();
    const { response, at } = await looker.read('listUsers', { query: { query: address, limit: 100 } });
    if (at !== undefined && !findings.some((finding) => finding.of === 'clocks'))
      findings.push(...skewOf('clocks', { whose: 'PagerDuty’s', says: at, between: [before, now()] }));
    const ids = idsOf(response.users, address);
    if (ids.length === 0) {
      findings.push({
        of,
        what: `there is no user ${address}, and writes say From: ${address}`,
        mend: `add that user in PagerDuty, or name another under from of account ${name}`,
      });
      continue;
    }
    const { response: duties } = await looker.read('listOnCalls', nextDuty(ids, now()));
    const [duty] = duties.oncalls;
    if (duty)
      findings.push({
        of,
        what: `${address} is on call at level ${duty.escalation_level} of ${oneLine(duty.escalation_policy.summary ?? duty.escalation_policy.id, 100)}: what it acknowledges would look as if a person had, so no acknowledge is made`,
        mend: `take ${address} off every schedule and escalation policy`,
      });
  }
  return findings;
}

/** No account has so many services that grants without any would hold of; what is beyond is not looked at, and told. */
const mostPages = 50;

/** After how long PagerDuty itself takes an acknowledge back, against how long an agent may hold it. */
async function lookAtTimeouts({ name, policy }: AccountLook, looker: Looker): Promise<readonly Finding[]> {
  const of = `account ${name}`;
  const none = new Set<string>();
  const short = new Map<string, string>();
  for (const holding of holdingsOf(policy.agents)) {
    for (const service of await servicesOf(holding, looker)) {
      const title = `${oneLine(service.name ?? service.id, 60)} (${service.id})`;
      const timeoutMs = (service.acknowledgement_timeout ?? 0) * 1_000;
      if (timeoutMs === 0) none.add(title);
      else if (timeoutMs < holding.leaseMs)
        short.set(
          title,
          `${timeoutMs / 1_000} s, and ${holding.agent} may hold for ${holding.leaseMs / 1_000} s`,
        );
    }
  }
  return [
    ...(none.size > 0
      ? [
          {
            of,
            what: `${some([...none])}: PagerDuty takes no acknowledge back by itself there, so an agent’s is given back at once`,
            mend: 'set the acknowledgement timeout of the service in PagerDuty, longer than the lease (Settings → Acknowledgement Timeout)',
          },
        ]
      : []),
    ...[...short].map(([title, how]) => ({
      of,
      what: `${title}: PagerDuty takes an acknowledge back after ${how}`,
      mend: 'raise the acknowledgement timeout of the service in PagerDuty, or shorten the lease of the grant',
    })),
  ];
}

async function servicesOf({ services, teams }: Holding, looker: Looker): Promise<readonly Service[]> {
  if (services) {
    const found = await Promise.all(
      services.map((id) => ifThere(looker.read('getService', { params: { id } }))),
    );
    return found.flatMap((answer) => (answer ? [answer.response.service] : []));
  }
  const all: Service[] = [];
  for (let page = 0; page < mostPages; page += 1) {
    const { response } = await looker.read('listServices', {
      query: { limit: 100, offset: page * 100, ...(teams && { 'team_ids[]': [...teams] }) },
    });
    all.push(...response.services);
    if (response.more !== true) break;
  }
  return all;
}

/** What the configuration names by id and PagerDuty does not have. */
async function absentIn({ agents, operators }: Policy, looker: Looker): Promise<readonly Absent[]> {
  const absent: Absent[] = [];
  for (const [id, namedBy] of servicesNamed(agents))
    if (!(await ifThere(looker.read('getService', { params: { id } }))))
      absent.push({ what: 'service', id, namedBy });
  for (const [namedBy, { pagerduty_user: id }] of [...agents, ...operators])
    if (id !== undefined && !(await ifThere(looker.read('getUser', { params: { id } }))))
      absent.push({ what: 'user', id, namedBy });
  return absent;
}

/** An answer; `undefined` where PagerDuty has no such thing. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof PagerDutyError && error.facts.kind === 'NotFound') return undefined;
    throw error;
  }
}
