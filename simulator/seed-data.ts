import type { z } from 'zod';
import { catalogue } from '../pagerduty/catalogue/index.ts';
import { usualKeys } from './data/company.ts';
import type { Data } from './data/format.ts';

/** What a test or a person needs to know by name of the seed world. */
export const seedIds = {
  /** The user's key is Ada's. */
  keys: {
    ...usualKeys,
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
  users: {
    bot: 'PBOT',
    ada: 'PADA',
    ben: 'PBEN',
    cleo: 'PCLEO',
    dev: 'PDEV',
    eva: 'PEVA',
    fay: 'PFAY',
    gus: 'PGUS',
    hana: 'PHANA',
    ivo: 'PIVO',
    jun: 'PJUN',
    kim: 'PKIM',
  },
  /** Ours: on no schedule and no policy. */
  from: 'oncall-bot@example.com',
  teams: { payments: 'PPAYMENTS', platform: 'PPLATFORM', data: 'PDATA' },
  schedules: {
    payments: 'PPAYMENTSROTA',
    platform: 'PPLATFORMROTA',
    data: 'PDATAROTA',
    nights: 'PDATANIGHTS',
    leads: 'PDATALEADS',
    /** Moved to the shift-based kind. */
    support: 'PSUPPORTSHIFTS',
  },
  policies: {
    payments: 'PPAYMENTSONCALL',
    ledger: 'PLEDGERONCALL',
    platform: 'PPLATFORMONCALL',
    data: 'PDATAONCALL',
    support: 'PSUPPORTONCALL',
  },
  services: {
    checkout: 'PCHECKOUT',
    ledger: 'PLEDGER',
    search: 'PSEARCH',
    reports: 'PREPORTS',
    warehouse: 'PWAREHOUSE',
    support: 'PSUPPORTDESK',
  },
  routingKeys: {
    checkout: 'simulatorcheckoutroutingkey00000',
    ledger: 'simulatorledgerroutingkey0000000',
    search: 'simulatorsearchroutingkey0000000',
    reports: 'simulatorreportsroutingkey000000',
    warehouse: 'simulatorwarehouseroutingkey0000',
    support: 'simulatorsupportroutingkey000000',
  },
  priorities: { p1: 'PPRIORITY1', p2: 'PPRIORITY2', p3: 'PPRIORITY3' },
} as const;

const { users, teams, schedules, policies, services, routingKeys, priorities, keys, oauthClients } = seedIds;

/** Every scope that an operation here asks for. */
const scopes = [...new Set(Object.values(catalogue).map(({ scope }) => scope))].filter((scope) =>
  scope.includes('.'),
);

const week = 7 * 24 * 3600;
const day = 24 * 60;

const person = (id: string, name: string, role?: 'admin' | 'limited_user') => ({
  id,
  name,
  email: `${name.split(' ')[0]?.toLowerCase()}@example.com`,
  job_title: 'Engineer',
  ...(role ? { role } : {}),
});

/** A week each, from Monday 09:00 UTC. */
const weekly = (id: string, name: string, ...userIds: readonly string[]) => ({
  id,
  name,
  description: 'A week each, from Monday 09:00 UTC.',
  time_zone: 'Etc/UTC',
  layers: [
    {
      start: '2024-03-01T12:00:00Z',
      rotation_virtual_start: '2026-01-05T09:00:00Z',
      rotation_turn_length_seconds: week,
      users: [...userIds],
    },
  ],
});

const thenFay = { escalation_delay_in_minutes: 10, targets: [{ user: users.fay }] };

const service = (name: keyof typeof services, title: string, policy: string) => ({
  id: services[name],
  name: title,
  escalation_policy: policy,
  acknowledgement_timeout: 1800,
  auto_resolve_timeout: 14_400,
  integrations: [{ id: `${services[name]}EVENTS`, routing_key: routingKeys[name] }],
});

/** A small company with a quiet past: three incidents that are over, and one of low urgency that nobody has looked at. */
export const seedData: z.input<typeof Data> = {
  domain: 'example',
  users: [
    { ...person(users.bot, 'Oncall Bot'), email: seedIds.from, job_title: 'Runner' },
    {
      ...person(users.ada, 'Ada Adler'),
      contact_methods: [
        { type: 'email', label: 'Work', address: 'ada@example.com' },
        { type: 'phone', label: 'Mobile', address: '5550100' },
      ],
      notification_rules: [
        { contact_method: 1, urgency: 'low' },
        { contact_method: 1, urgency: 'high' },
        { contact_method: 2, urgency: 'high', start_delay_in_minutes: 5 },
      ],
    },
    person(users.ben, 'Ben Okafor'),
    person(users.cleo, 'Cleo Marin'),
    person(users.dev, 'Dev Iyer'),
    person(users.eva, 'Eva Lind'),
    { ...person(users.fay, 'Fay Novak', 'admin'), job_title: 'Head of Engineering' },
    { ...person(users.gus, 'Gus Ferrari'), time_zone: 'Europe/Berlin' },
    { ...person(users.hana, 'Hana Sato'), time_zone: 'Europe/Berlin' },
    { ...person(users.ivo, 'Ivo Petrov'), time_zone: 'America/New_York' },
    { ...person(users.jun, 'Jun Park'), time_zone: 'America/New_York' },
    { ...person(users.kim, 'Kim Novotny', 'limited_user'), job_title: 'Support' },
  ],
  teams: [
    {
      id: teams.payments,
      name: 'Payments',
      description: 'Takes the money.',
      members: [
        { user: users.ada },
        { user: users.ben, role: 'responder' },
        { user: users.cleo, role: 'responder' },
        { user: users.fay },
      ],
    },
    {
      id: teams.platform,
      name: 'Platform',
      members: [{ user: users.dev }, { user: users.eva, role: 'responder' }, { user: users.fay }],
    },
    {
      id: teams.data,
      name: 'Data',
      description: 'Keeps the numbers.',
      parent: teams.platform,
      members: [
        { user: users.gus },
        { user: users.hana, role: 'responder' },
        { user: users.ivo, role: 'responder' },
        { user: users.jun, role: 'responder' },
        { user: users.kim, role: 'observer' },
      ],
    },
  ],
  schedules: [
    weekly(schedules.payments, 'Payments rota', users.ada, users.ben, users.cleo),
    weekly(schedules.platform, 'Platform rota', users.dev, users.eva),
    {
      id: schedules.data,
      name: 'Data rota',
      description: 'Two days each; on working days Berlin has the office hours.',
      time_zone: 'Europe/Berlin',
      layers: [
        {
          name: 'Round the clock',
          start: '2025-01-06T09:00:00+01:00',
          rotation_turn_length_seconds: 2 * 24 * 3600,
          users: [users.gus, users.hana, users.ivo],
        },
        {
          name: 'Office hours',
          start: '2025-01-06T09:00:00+01:00',
          rotation_turn_length_seconds: week,
          users: [users.hana, users.gus],
          restrictions: [1, 2, 3, 4, 5].map((weekday) => ({
            type: 'weekly_restriction',
            start_day_of_week: weekday,
            start_time_of_day: '09:00:00',
            duration_seconds: 8 * 3600,
          })),
        },
      ],
      // Jun stands in tomorrow.
      overrides: [{ user: users.jun, in_minutes: day, minutes: 8 * 60 }],
    },
    {
      id: schedules.nights,
      name: 'Data nights',
      time_zone: 'America/New_York',
      layers: [
        {
          name: 'Nights',
          start: '2025-01-06T18:00:00-05:00',
          rotation_turn_length_seconds: 24 * 3600,
          users: [users.ivo, users.jun],
          restrictions: [
            { type: 'daily_restriction', start_time_of_day: '18:00:00', duration_seconds: 14 * 3600 },
          ],
        },
      ],
    },
    weekly(schedules.leads, 'Data leads', users.gus, users.hana),
    { ...weekly(schedules.support, 'Support shifts', users.kim, users.jun), kind: 'shifts' },
  ],
  escalation_policies: [
    {
      id: policies.payments,
      name: 'Payments on-call',
      team: teams.payments,
      num_loops: 1,
      escalation_rules: [
        { id: 'PRULE1', escalation_delay_in_minutes: 5, targets: [{ schedule: schedules.payments }] },
        { id: 'PRULE2', ...thenFay },
      ],
    },
    {
      id: policies.ledger,
      name: 'Ledger on-call',
      description: 'Two people at once: money is at stake.',
      team: teams.payments,
      num_loops: 1,
      escalation_rules: [
        {
          id: 'PRULE3',
          escalation_delay_in_minutes: 5,
          targets: [{ schedule: schedules.payments }, { schedule: schedules.platform }],
        },
        { id: 'PRULE4', ...thenFay },
      ],
    },
    {
      id: policies.platform,
      name: 'Platform on-call',
      team: teams.platform,
      num_loops: 1,
      escalation_rules: [
        { id: 'PRULE5', escalation_delay_in_minutes: 5, targets: [{ schedule: schedules.platform }] },
        { id: 'PRULE6', ...thenFay },
      ],
    },
    {
      id: policies.data,
      name: 'Data on-call',
      description: 'The rota, then New York at night and who leads this week, then the rota again.',
      team: teams.data,
      num_loops: 2,
      on_call_handoff_notifications: 'always',
      escalation_rules: [
        { id: 'PRULE7', escalation_delay_in_minutes: 10, targets: [{ schedule: schedules.data }] },
        {
          id: 'PRULE8',
          escalation_delay_in_minutes: 15,
          targets: [{ schedule: schedules.nights }, { schedule: schedules.leads }],
        },
        { id: 'PRULE9', escalation_delay_in_minutes: 30, targets: [{ schedule: schedules.data }] },
      ],
    },
    {
      id: policies.support,
      name: 'Support on-call',
      escalation_rules: [
        { id: 'PRULE10', escalation_delay_in_minutes: 30, targets: [{ schedule: schedules.support }] },
      ],
    },
  ],
  services: [
    {
      ...service('checkout', 'Checkout API', policies.payments),
      description: 'Where customers pay.',
      urgency: 'severity_based',
    },
    service('ledger', 'Ledger', policies.ledger),
    service('search', 'Search', policies.platform),
    {
      ...service('reports', 'Batch reports', policies.platform),
      urgency: 'low',
      acknowledgement_timeout: null,
      auto_resolve_timeout: null,
    },
    {
      ...service('warehouse', 'Data warehouse', policies.data),
      description: 'High urgency in office hours; what came at night becomes high in the morning.',
      acknowledgement_timeout: 3600,
      auto_resolve_timeout: null,
      urgency: { during_support_hours: 'high', outside_support_hours: 'low' },
      support_hours: {
        time_zone: 'Europe/Berlin',
        start_time: '09:00:00',
        end_time: '17:00:00',
        days_of_week: [1, 2, 3, 4, 5],
      },
      raise_urgency_at: ['support_hours_start'],
    },
    {
      ...service('support', 'Support desk', policies.support),
      acknowledgement_timeout: 900,
      urgency: 'severity_based',
      alert_grouping: { type: 'time', timeout: 30 },
    },
  ],
  priorities: [
    { id: priorities.p1, name: 'P1', description: 'Customers cannot pay.' },
    { id: priorities.p2, name: 'P2', description: 'Some customers are affected.' },
    { id: priorities.p3, name: 'P3', description: 'Nobody outside notices.' },
  ],
  credentials: [
    { key: keys.fullAccess },
    { key: keys.readOnly, access: 'read-only' },
    { key: keys.user, user: users.ada },
    { key: keys.userBearer, bearer: true, user: users.ada },
    { key: keys.userReadBearer, bearer: true, access: 'read-only', user: users.ada },
    {
      key: keys.userScopedBearer,
      bearer: true,
      user: users.ada,
      scopes: ['incidents.read', 'users.read'],
      client: oauthClients.app.id,
    },
  ],
  oauth_clients: [
    { ...oauthClients.app, name: 'Simulator app', scopes },
    {
      ...oauthClients.reader,
      name: 'Simulator reader',
      scopes: scopes.filter((one) => one.endsWith('.read')),
    },
  ],
  incidents: [
    {
      service: services.checkout,
      title: 'Card payments time out',
      minutes_ago: 9 * day,
      alerts: [{ key: 'card-timeouts', severity: 'critical' }],
      acknowledged: { after_minutes: 4 },
      notes: [
        {
          after_minutes: 20,
          content: 'The card provider is slow in one region; traffic moved to the other.',
        },
      ],
      resolved: { after_minutes: 28, resolution: 'Provider is back to normal.' },
    },
    // Nobody acknowledges in time, so it climbs to the second level.
    {
      service: services.ledger,
      title: 'Settlement run is 20 minutes late',
      minutes_ago: 3 * day,
      alerts: [{ key: 'settlement-late', severity: 'error' }],
      acknowledged: { after_minutes: 7 },
      resolved: { after_minutes: 35 },
    },
    {
      service: services.search,
      title: 'Index rebuild failed',
      minutes_ago: 20 * 60,
      alerts: [{ key: 'index-rebuild', severity: 'error', resolved_after_minutes: 3 }],
    },
    {
      service: services.reports,
      title: 'Nightly report is late',
      minutes_ago: 2 * 60,
      alerts: [{ key: 'nightly-report', severity: 'warning' }],
    },
  ],
};
