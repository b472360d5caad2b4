import { catalogue } from '../pagerduty/catalogue/index.ts';
import { resolveByKey, trigger } from './alerts.ts';
import { acknowledge, addNote, resolve } from './incident-life.ts';
import { byUser } from './incident-state.ts';
import type { Company, Incident, Integration, Severity, User } from './model.ts';
import { known, type World } from './world.ts';

/** What a test or a person needs to know by name of the seed world. */
export const seedIds = {
  keys: {
    /** The account's; writes need `From`. */
    fullAccess: 'simulator-full-access-key',
    /** The account's; reads only. */
    readOnly: 'simulator-read-only-key',
    /** Ada's own. */
    user: 'simulator-user-key',
    /** Tokens for `Bearer`, all Ada's: of the classic kind, for everything and for reading; and with single scopes. */
    userBearer: 'simulator-user-bearer',
    userReadBearer: 'simulator-user-read-bearer',
    userScopedBearer: 'simulator-user-scoped-bearer',
  },
  /** Apps that get tokens from `POST /oauth/token`. */
  oauthClients: {
    app: { id: 'simulator-app', secret: 'simulator-app-secret' },
    /** May be granted what reads, and nothing that writes. */
    reader: { id: 'simulator-reader-app', secret: 'simulator-reader-app-secret' },
  },
  users: { bot: 'PBOT', ada: 'PADA', ben: 'PBEN', cleo: 'PCLEO', dev: 'PDEV', eva: 'PEVA', fay: 'PFAY' },
  /** Ours: on no schedule and no policy. */
  from: 'oncall-bot@example.com',
  teams: { payments: 'PPAYMENTS', platform: 'PPLATFORM' },
  schedules: { payments: 'PPAYMENTSROTA', platform: 'PPLATFORMROTA' },
  policies: { payments: 'PPAYMENTSONCALL', ledger: 'PLEDGERONCALL', platform: 'PPLATFORMONCALL' },
  services: { checkout: 'PCHECKOUT', ledger: 'PLEDGER', search: 'PSEARCH', reports: 'PREPORTS' },
  routingKeys: {
    checkout: 'simulatorcheckoutroutingkey00000',
    ledger: 'simulatorledgerroutingkey0000000',
    search: 'simulatorsearchroutingkey0000000',
    reports: 'simulatorreportsroutingkey000000',
  },
  priorities: { p1: 'PPRIORITY1', p2: 'PPRIORITY2', p3: 'PPRIORITY3' },
} as const;

/** What a simulated account starts with. */
export interface Seed {
  readonly company: Company;
  /** What has happened already, from the oldest on. */
  readonly history: readonly Past[];
}

export interface Past {
  readonly minutesAgo: number;
  readonly happen: (world: World) => void;
}

/** A small company with a quiet past: three incidents that are over, and one of low urgency that nobody has looked at. */
export const createSeed = (): Seed => ({ company: createCompany(), history });

const { users, teams, schedules, policies, services, routingKeys, priorities, keys, oauthClients } = seedIds;

/** Every scope that an operation here asks for. */
const scopes = [...new Set(Object.values(catalogue).map(({ scope }) => scope))].filter((scope) =>
  scope.includes('.'),
);

const week = 7 * 24 * 3600;
/** A Monday, 09:00 UTC: shifts change then. */
const firstHandoff = Date.UTC(2026, 0, 5, 9);
const founded = Date.UTC(2024, 2, 1, 12);

const person = (
  id: string,
  name: string,
  jobTitle: string,
  teamIds: readonly string[],
  role = 'user',
): User => ({
  id,
  name,
  email: `${name.split(' ')[0]?.toLowerCase()}@example.com`,
  role,
  jobTitle,
  timeZone: 'Etc/UTC',
  teamIds,
});

const service = (id: string, name: string, policyId: string) => ({
  id,
  name,
  description: null,
  createdAt: founded,
  policyId,
  urgencyRule: 'high' as const,
  acknowledgementTimeout: 1800,
  autoResolveTimeout: 14_400,
  mode: 'enabled' as const,
});

const integration = (id: string, serviceId: string, routingKey: string) => ({
  id,
  name: 'Events API V2',
  serviceId,
  routingKey,
});

const createCompany = (): Company => ({
  users: [
    { ...person(users.bot, 'Oncall Bot', 'Runner', []), email: seedIds.from },
    person(users.ada, 'Ada Adler', 'Engineer', [teams.payments]),
    person(users.ben, 'Ben Okafor', 'Engineer', [teams.payments]),
    person(users.cleo, 'Cleo Marin', 'Engineer', [teams.payments]),
    person(users.dev, 'Dev Iyer', 'Engineer', [teams.platform]),
    person(users.eva, 'Eva Lind', 'Engineer', [teams.platform]),
    person(users.fay, 'Fay Novak', 'Head of Engineering', [teams.payments, teams.platform], 'admin'),
  ],
  teams: [
    { id: teams.payments, name: 'Payments', description: 'Takes the money.' },
    { id: teams.platform, name: 'Platform', description: null },
  ],
  schedules: [
    {
      id: schedules.payments,
      name: 'Payments rota',
      description: 'A week each, from Monday 09:00 UTC.',
      timeZone: 'Etc/UTC',
      rotation: {
        userIds: [users.ada, users.ben, users.cleo],
        turnSeconds: week,
        virtualStart: firstHandoff,
      },
    },
    {
      id: schedules.platform,
      name: 'Platform rota',
      description: 'A week each, from Monday 09:00 UTC.',
      timeZone: 'Etc/UTC',
      rotation: { userIds: [users.dev, users.eva], turnSeconds: week, virtualStart: firstHandoff },
    },
  ],
  policies: [
    {
      id: policies.payments,
      name: 'Payments on-call',
      description: null,
      teamId: teams.payments,
      numLoops: 1,
      rules: [
        { id: 'PRULE1', delayMinutes: 5, targets: [{ type: 'schedule', id: schedules.payments }] },
        { id: 'PRULE2', delayMinutes: 10, targets: [{ type: 'user', id: users.fay }] },
      ],
    },
    {
      id: policies.ledger,
      name: 'Ledger on-call',
      description: 'Two people at once: money is at stake.',
      teamId: teams.payments,
      numLoops: 1,
      rules: [
        {
          id: 'PRULE3',
          delayMinutes: 5,
          targets: [
            { type: 'schedule', id: schedules.payments },
            { type: 'schedule', id: schedules.platform },
          ],
        },
        { id: 'PRULE4', delayMinutes: 10, targets: [{ type: 'user', id: users.fay }] },
      ],
    },
    {
      id: policies.platform,
      name: 'Platform on-call',
      description: null,
      teamId: teams.platform,
      numLoops: 1,
      rules: [
        { id: 'PRULE5', delayMinutes: 5, targets: [{ type: 'schedule', id: schedules.platform }] },
        { id: 'PRULE6', delayMinutes: 10, targets: [{ type: 'user', id: users.fay }] },
      ],
    },
  ],
  services: [
    {
      ...service(services.checkout, 'Checkout API', policies.payments),
      description: 'Where customers pay.',
      urgencyRule: 'severity_based',
    },
    service(services.ledger, 'Ledger', policies.ledger),
    service(services.search, 'Search', policies.platform),
    {
      ...service(services.reports, 'Batch reports', policies.platform),
      urgencyRule: 'low',
      acknowledgementTimeout: null,
      autoResolveTimeout: null,
    },
  ],
  integrations: [
    integration('PCHECKOUTEVENTS', services.checkout, routingKeys.checkout),
    integration('PLEDGEREVENTS', services.ledger, routingKeys.ledger),
    integration('PSEARCHEVENTS', services.search, routingKeys.search),
    integration('PREPORTSEVENTS', services.reports, routingKeys.reports),
  ],
  priorities: [
    { id: priorities.p1, name: 'P1', description: 'Customers cannot pay.' },
    { id: priorities.p2, name: 'P2', description: 'Some customers are affected.' },
    { id: priorities.p3, name: 'P3', description: 'Nobody outside notices.' },
  ],
  credentials: [
    { key: keys.fullAccess, access: 'full', userId: null },
    { key: keys.readOnly, access: 'read-only', userId: null },
    { key: keys.user, access: 'full', userId: users.ada },
    { key: keys.userBearer, scheme: 'Bearer', access: 'full', userId: users.ada },
    { key: keys.userReadBearer, scheme: 'Bearer', access: 'read-only', userId: users.ada },
    {
      key: keys.userScopedBearer,
      scheme: 'Bearer',
      access: 'full',
      userId: users.ada,
      scopes: ['incidents.read', 'users.read'],
      clientId: oauthClients.app.id,
    },
  ],
  oauthClients: [
    { ...oauthClients.app, name: 'Simulator app', scopes },
    {
      ...oauthClients.reader,
      name: 'Simulator reader',
      scopes: scopes.filter((one) => one.endsWith('.read')),
    },
  ],
});

const triggered =
  (routingKey: string, key: string, severity: Severity, summary: string) =>
  (world: World): void =>
    trigger(world, integrationOf(world, routingKey), { key, summary, severity, details: {}, contexts: [] });

/** Somebody who has the newest incident of a service does something about it. */
const done =
  (serviceId: string, act: (world: World, incident: Incident, by: User) => void) =>
  (world: World): void => {
    const incident = [...world.incidents.values()].findLast((one) => one.serviceId === serviceId);
    const [assignment] = incident?.assignments ?? [];
    if (incident && assignment) act(world, incident, known(world.users, assignment.userId));
  };

const integrationOf = (world: World, routingKey: string): Integration => {
  const integration = world.integrationOf(routingKey);
  if (!integration) throw new Error('The seed history uses a routing key that the seed company has not.');
  return integration;
};

const day = 24 * 60;

const history: readonly Past[] = [
  {
    minutesAgo: 9 * day,
    happen: triggered(routingKeys.checkout, 'card-timeouts', 'critical', 'Card payments time out'),
  },
  {
    minutesAgo: 9 * day - 4,
    happen: done(services.checkout, (world, incident, by) => acknowledge(world, incident, byUser(by))),
  },
  {
    minutesAgo: 9 * day - 20,
    happen: done(services.checkout, (world, incident, by) =>
      addNote(world, incident, by, 'The card provider is slow in one region; traffic moved to the other.'),
    ),
  },
  {
    minutesAgo: 9 * day - 28,
    happen: done(services.checkout, (world, incident, by) =>
      resolve(world, incident, byUser(by), 'Provider is back to normal.'),
    ),
  },
  // Nobody acknowledges in time, so it climbs to the second level.
  {
    minutesAgo: 3 * day,
    happen: triggered(routingKeys.ledger, 'settlement-late', 'error', 'Settlement run is 20 minutes late'),
  },
  {
    minutesAgo: 3 * day - 7,
    happen: done(services.ledger, (world, incident, by) => acknowledge(world, incident, byUser(by))),
  },
  {
    minutesAgo: 3 * day - 35,
    happen: done(services.ledger, (world, incident, by) => resolve(world, incident, byUser(by))),
  },
  {
    minutesAgo: 20 * 60,
    happen: triggered(routingKeys.search, 'index-rebuild', 'error', 'Index rebuild failed'),
  },
  {
    minutesAgo: 20 * 60 - 3,
    happen: (world) => resolveByKey(world, integrationOf(world, routingKeys.search), 'index-rebuild'),
  },
  {
    minutesAgo: 2 * 60,
    happen: triggered(routingKeys.reports, 'nightly-report', 'warning', 'Nightly report is late'),
  },
];
