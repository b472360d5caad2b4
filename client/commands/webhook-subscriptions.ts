import { closest } from '../../gate/closest.ts';
import { Name } from '../../gate/configuration.ts';
import { policySource } from '../../gate/policy-source.ts';
import { type KeptSecret, type WebhookSecrets, webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import type { WebhookSubscription } from '../../pagerduty/catalogue/webhook-subscriptions.ts';
import { Id } from '../../pagerduty/catalogue/wire.ts';
import { eventTypes, followedEvents } from '../../pagerduty/webhooks.ts';
import { checkSubscriptions, eventsOf, type Finding } from '../check-subscriptions.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { readOperator } from '../identity.ts';
import type { Output } from '../output.ts';
import { arrivesAt, healthAt } from '../receiver-health.ts';
import {
  deliveringTo,
  isSameScope,
  rotateSubscription,
  type Subscriptions,
  scopeOf,
  type Wanted,
} from '../subscriptions.ts';

interface OfAccount {
  readonly account: string;
}

interface AtReceiver {
  /** Where our receiver answers, for whoever waits for a ping. */
  readonly receiver: string;
  /** How long a ping may take, in seconds. */
  readonly wait: string;
}

/** `oncall webhook-subscriptions`: what PagerDuty delivers to whom, and whose secret is kept here. */
export async function listSubscriptions({ account }: OfAccount, output: Output): Promise<ExitCode> {
  return asOperator(account, async ({ subscriptions, secrets }) => {
    const kept = secrets.list();
    const all = await subscriptions.list();
    output.result(
      { subscriptions: all.map((one) => ({ ...one, secret_kept: keptOf(kept, one)?.file ?? null })) },
      all.map((one) => shown(one, kept)).join('\n') || `Account ${account} has no webhook subscriptions.`,
    );
    return exitCodes.done;
  });
}

export interface CreateOptions extends OfAccount {
  readonly service?: string;
  readonly team?: string;
  readonly allServices?: boolean;
  readonly events?: string;
  readonly url: string;
  readonly description: string;
}

/** `oncall webhook-subscriptions create`: PagerDuty tells the secret once, to the Worker, which keeps it. */
export async function createSubscription(options: CreateOptions, output: Output): Promise<ExitCode> {
  const { account } = options;
  const wanted = wantedOf(options);
  return asOperator(account, async ({ subscriptions }) => {
    const all = await subscriptions.list();
    const same = deliveringTo(all, account, wanted.url).find((one) => isSameScope(one, wanted));
    if (same)
      throw new OncallError(
        `${same.id} delivers events of ${scopeOf(same)} to ${wanted.url} already. \`oncall webhook-subscriptions rotate ${same.id}\` gives it a new secret.`,
      );
    const { subscription, file } = await subscriptions.create(wanted);
    output.result(
      { subscription, file },
      [
        `${subscription.id} delivers ${wanted.events.length} kinds of events of ${scopeOf(subscription)} to ${wanted.url}.`,
        `Its secret is in ${file}, where the Worker wrote it; a receiver with the same ONCALL_HOME reads it there by itself.`,
        `A receiver on another machine needs it too: copy the file, and name it there in webhook_secrets of account ${account}, as file:PATH or env:NAME.`,
        `Next: oncall webhook-subscriptions ping ${subscription.id}`,
      ].join('\n'),
    );
    return exitCodes.done;
  });
}

/** `oncall webhook-subscriptions ping`: asks PagerDuty for a ping, and waits until the receiver has it. */
export async function pingSubscription(
  id: string,
  { account, ...at }: OfAccount & AtReceiver,
  output: Output,
): Promise<ExitCode> {
  checkId(id);
  const withinMs = waitOf(at);
  return asOperator(account, async ({ subscriptions }) => {
    const ask = (): Promise<void> => subscriptions.ping(id);
    if (!(await arrivesAt(at.receiver, account, id, ask, withinMs)))
      throw new OncallError(
        `PagerDuty was asked for a ping of ${id}, and it has not come in at ${at.receiver} within ${at.wait} s; \`oncall webhook-subscriptions check\` says more.`,
      );
    output.result({ subscription: id, arrived: true }, `The ping of ${id} came in.`);
    return exitCodes.done;
  });
}

export type CheckOptions = OfAccount &
  AtReceiver & { readonly url?: string; readonly fix?: boolean; readonly events?: string };

/** `oncall webhook-subscriptions check`: everything that keeps events from coming in, each with its mend. */
export async function checkFeed(options: CheckOptions, output: Output): Promise<ExitCode> {
  const { account, url, fix, receiver } = options;
  const withinMs = waitOf(options);
  const events =
    options.events === undefined
      ? eventsOf(account, policySource(clientSettings().configFile)())
      : eventsNamed(options.events);
  return asOperator(account, async ({ subscriptions, secrets }) => {
    const { wrong } = await healthAt(receiver);
    const { checked, findings } = await checkSubscriptions({
      subscriptions,
      account,
      url,
      events,
      kept: secrets.list(),
      arrives: (id) => arrivesAt(receiver, account, id, () => subscriptions.ping(id), withinMs),
      now: Date.now(),
    });
    const mended = fix ? await mend(subscriptions, findings) : [];
    const open: readonly Finding[] = [
      ...wrong.map((what) => ({ what: `the receiver says: ${what}`, mend: 'see docs/webhooks.md' })),
      ...findings.filter((finding) => !mended.includes(finding)),
    ];
    const told = ({ subscription, what, mend: how }: Finding) => ({ subscription, what, mend: how });
    output.result(
      { checked: checked.map(({ id }) => id), mended: mended.map(told), findings: open.map(told) },
      [
        ...mended.map(({ subscription, what }) => `mended: ${subscription}: ${what}`),
        ...open.map(
          ({ subscription, what, mend: how }) =>
            `${subscription === undefined ? '' : `${subscription}: `}${what}\n  mend: ${how}`,
        ),
        ...(open.length === 0
          ? [`The feed of ${account} is whole: ${checked.map(({ id }) => id).join(', ')}.`]
          : []),
      ].join('\n'),
    );
    if (open.length === 0) return exitCodes.done;
    return mended.length > 0 ? exitCodes.partly : exitCodes.failed;
  });
}

async function mend(subscriptions: Subscriptions, findings: readonly Finding[]): Promise<readonly Finding[]> {
  const mended: Finding[] = [];
  for (const finding of findings) {
    if (!finding.fix) continue;
    await finding.fix(subscriptions);
    mended.push(finding);
  }
  return mended;
}

/** `oncall webhook-subscriptions rotate`: a new secret, without an event lost. */
export async function rotate(
  id: string,
  { account, ...at }: OfAccount & AtReceiver,
  output: Output,
): Promise<ExitCode> {
  checkId(id);
  const withinMs = waitOf(at);
  return asOperator(account, async ({ subscriptions, secrets }) => {
    await healthAt(at.receiver);
    const rotated = await rotateSubscription(
      {
        subscriptions,
        secrets,
        arrives: (one) => arrivesAt(at.receiver, account, one, () => subscriptions.ping(one), withinMs),
        say: output.say,
      },
      id,
    );
    output.result(
      rotated,
      [
        `${rotated.id} has taken the place of ${id}, which is deleted together with its secret.`,
        `Take the old secret out of webhook_secrets where it stands there.`,
      ].join('\n'),
    );
    return exitCodes.done;
  });
}

/** `oncall webhook-subscriptions delete`: nothing is delivered any more, and its secret is forgotten. */
export async function deleteSubscription(
  id: string,
  { account }: OfAccount,
  output: Output,
): Promise<ExitCode> {
  checkId(id);
  return asOperator(account, async ({ subscriptions, secrets }) => {
    await subscriptions.remove(id);
    const wasKept = secrets.forget(id);
    output.result(
      { subscription: id, secretForgotten: wasKept },
      `${id} is deleted${wasKept ? ', and its secret with it' : '; its secret was not kept here'}.`,
    );
    return exitCodes.done;
  });
}

interface Desk {
  readonly subscriptions: Subscriptions;
  readonly secrets: WebhookSecrets;
}

async function asOperator(account: string, work: (desk: Desk) => Promise<ExitCode>): Promise<ExitCode> {
  if (!Name.safeParse(account).success)
    throw new UsageError('--account takes an account as named in the configuration, such as main.');
  const settings = clientSettings();
  const operator = readOperator(settings);
  const temporal = temporalSettings();
  // What is wrong so far is said before Temporal's client has loaded.
  const [{ connect }, { subscriptionsAs }, { isServed }] = await Promise.all([
    import('../connect.ts'),
    import('../operator-subscriptions.ts'),
    import('../served.ts'),
  ]);
  const client = await connect(temporal, `operator:${operator.name}`);
  try {
    if (!(await isServed(client)))
      throw new OncallError(
        'No Worker polls for runs, and a Worker asks PagerDuty; start one: `oncall worker`.',
      );
    const secrets = webhookSecretsIn(settings.home, account);
    return await work({ subscriptions: subscriptionsAs(client, operator, account), secrets });
  } finally {
    await client.connection.close();
  }
}

const keptOf = (kept: readonly KeptSecret[], { id }: WebhookSubscription): KeptSecret | undefined =>
  kept.find(({ subscription }) => subscription === id);

function shown(one: WebhookSubscription, kept: readonly KeptSecret[]): string {
  const { id, active, events, delivery_method } = one;
  const state = !active
    ? 'switched off'
    : delivery_method.temporarily_disabled
      ? 'switched off by PagerDuty for a day'
      : 'on';
  const secret = keptOf(kept, one);
  return [
    `${id}  ${state}: ${events.length} kinds of events of ${scopeOf(one)}, to ${delivery_method.url ?? 'nowhere'}`,
    `  secret: ${secret ? `${secret.file}, since ${new Date(secret.keptAt).toISOString().slice(0, 10)}` : 'not kept here'}`,
  ].join('\n');
}

function wantedOf({ service, team, allServices, events, url, description }: CreateOptions): Wanted {
  const scopes = [service, team, allServices].filter((one) => one !== undefined);
  if (scopes.length !== 1)
    throw new UsageError('Say what it is about, once: --service ID, --team ID or --all-services.');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(
      '--url takes the address at which PagerDuty reaches the receiver, such as https://hooks.example.com/webhooks/main.',
    );
  for (const [option, id] of [
    ['--service', service],
    ['--team', team],
  ] as const)
    if (id !== undefined && !Id.safeParse(id).success)
      throw new UsageError(`${option} takes a PagerDuty id, letters and digits such as PABC123.`);
  const filter: Wanted['filter'] =
    service !== undefined
      ? { type: 'service_reference', id: service }
      : team !== undefined
        ? { type: 'team_reference', id: team }
        : { type: 'account_reference' };
  return { filter, events: events === undefined ? followedEvents : eventsNamed(events), url, description };
}

/** Events as they are named in a call. */
function eventsNamed(text: string): readonly string[] {
  const named = [...new Set(text.split(',').map((one) => one.trim()))].filter(Boolean);
  const unknown = named.find((one) => !(eventTypes as readonly string[]).includes(one));
  if (named.length === 0) throw new UsageError('--events takes types of events, such as incident.triggered.');
  if (unknown !== undefined) {
    const near = closest(unknown, eventTypes);
    throw new UsageError(
      `PagerDuty has no event ${unknown}${near ? `; did you mean ${near}?` : `. It has ${eventTypes.join(', ')}.`}`,
    );
  }
  return named;
}

function checkId(id: string): void {
  if (Id.safeParse(id).success) return;
  throw new UsageError(
    `${JSON.stringify(id)} is no id of a subscription; \`oncall webhook-subscriptions\` lists them.`,
  );
}

function waitOf({ wait, receiver }: AtReceiver): number {
  const seconds = /^\d{1,4}$/.test(wait) ? Number(wait) : 0;
  if (seconds < 1)
    throw new UsageError(`--wait takes a number of seconds from 1 to 9999, not ${JSON.stringify(wait)}.`);
  if (!URL.canParse(receiver) || !/^https?:$/.test(new URL(receiver).protocol))
    throw new UsageError('--receiver takes the address of our receiver, such as http://127.0.0.1:8090.');
  return seconds * 1_000;
}
