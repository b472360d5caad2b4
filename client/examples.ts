import type { Command } from 'commander';

/** What a command is used for most, as its `--help` shows it; by the command's words. */
const examples: Readonly<Record<string, readonly string[]>> = {
  '': ['oncall demo', 'oncall dev', 'oncall runs', 'oncall why 4711'],
  demo: ['oncall demo', 'oncall demo --keep'],
  dev: ['oncall dev', 'oncall dev --port 7300 --ui-port 8300'],
  temporal: ['oncall temporal', 'oncall temporal --db temporal.db'],
  init: [
    'oncall init',
    'oncall init --token env:PAGERDUTY_API_TOKEN --list',
    'oncall init --token file:/etc/oncall/pagerduty.key --region eu --teams Payments --from oncall-bot@example.com',
  ],
  worker: ['oncall worker', 'oncall --config /etc/oncall/oncall.yaml worker'],
  webhooks: ['oncall webhooks', 'oncall webhooks --port 443 --host 0.0.0.0'],
  codec: [
    'oncall codec',
    'oncall codec --port 8071 --ui https://temporal.example.com --url https://codec.example.com',
  ],
  'codec sign-in': ['oncall codec sign-in', 'oncall codec sign-in --url https://codec.example.com'],
  builds: ['oncall builds', 'oncall builds --json'],
  'builds use': ['oncall builds use 2026-11-26.1'],
  run: [
    `oncall run triageIncident --input '{"account":"main","incident":"Q1ABC2DEF3GH45"}'`,
    'oncall run respondToIncident --input @incident.json --detach',
    'oncall run overrideOrSwap --input @turn.json --plan',
  ],
  call: [
    `oncall call listIncidents --input '{"query":{"statuses[]":["triggered"]}}' --all --json`,
    `oncall call createIncidentNote --input @note.json --key deploy-812`,
  ],
  mcp: ['oncall mcp', 'oncall mcp --http 8070'],
  'audit list': [
    'oncall audit --agent triage-bot --since 2h',
    'oncall audit --decision denied',
    'oncall audit --incident Q1ABC2DEF3GH45 --json',
  ],
  'audit verify': ['oncall audit verify', 'oncall audit verify --public-key auditor.pub --head heads.jsonl'],
  'audit export': ['oncall audit export --since 24h > audit.jsonl'],
  'audit sign-head': ['oncall audit sign-head --key-file auditor.pem'],
  agents: ['oncall agents', 'oncall agents --json'],
  'agents add': ['oncall agents add triage-bot', 'oncall agents add triage-bot --key-file triage-bot.pem'],
  'agents rotate': ['oncall agents rotate triage-bot'],
  'agents disable': ['oncall agents disable triage-bot --reason "resolves what is not over"'],
  'agents enable': ['oncall agents enable triage-bot'],
  'agents token': ['oncall agents token triage-bot --expires 30d'],
  'agents token-revoke': ['oncall agents token-revoke triage-bot'],
  'front-doors add': [
    'oncall front-doors add mcp --speaks-for triage-bot night-bot',
    'oncall front-doors add console --speaks-for-operators lead deputy',
  ],
  'operators add': ['oncall operators add lead --pagerduty-user PABC123'],
  freeze: ['oncall freeze --reason "a bad deploy of the runner"'],
  thaw: ['oncall thaw'],
  console: ['oncall console', 'oncall console --port 7700 --allow-host oncall.example.com'],
  approvals: ['oncall approvals', 'oncall approvals --run respond:main:Q1ABC2DEF3GH45'],
  approve: ['oncall approve 3f9a'],
  deny: ['oncall deny 3f9a --reason "the customer is still down"'],
  'webhook-subscriptions': ['oncall webhook-subscriptions'],
  'webhook-subscriptions create': [
    'oncall webhook-subscriptions create --all-services --url https://oncall.example.com/webhooks/main',
  ],
  'webhook-subscriptions ping': ['oncall webhook-subscriptions ping PSUB123'],
  'webhook-subscriptions check': [
    'oncall webhook-subscriptions check',
    'oncall webhook-subscriptions check --fix',
  ],
  'webhook-subscriptions rotate': ['oncall webhook-subscriptions rotate PSUB123'],
  'webhook-subscriptions delete': ['oncall webhook-subscriptions delete PSUB123'],
  standing: ['oncall standing', 'oncall standing --json'],
  'standing apply': ['oncall standing apply', 'oncall standing apply --yes'],
  'standing trigger': ['oncall standing trigger noise'],
  'standing pause': ['oncall standing pause noise --reason "while we move the service"'],
  'standing resume': ['oncall standing resume noise'],
  'standing backfill': [
    'oncall standing backfill noise --since 3d',
    'oncall standing backfill noise --since 2026-11-23 --until 2026-11-24T12:00:00Z --yes',
  ],
  doctor: ['oncall doctor', 'oncall doctor --fix', 'oncall doctor --json --no-receiver'],
  watchdog: ['oncall watchdog', 'oncall watchdog --once --no-receiver'],
  can: [
    'oncall can triage-bot incidents.resolve --incident Q1ABC2DEF3GH45',
    'oncall can triage-bot incidents.create --service PCHECKOUT --urgency low',
  ],
  runs: ['oncall runs', 'oncall runs --waiting approval', 'oncall runs --outcome failed --limit 50'],
  show: ['oncall show respond:main:Q1ABC2DEF3GH45', 'oncall show 4711'],
  wait: ['oncall wait respond:main:Q1ABC2DEF3GH45 --json'],
  cancel: ['oncall cancel 4711'],
  pause: ['oncall pause 4711 --reason "a person looks first"'],
  resume: ['oncall resume 4711'],
  'take-over': ['oncall take-over 4711'],
  why: ['oncall why 4711', 'oncall why Q1ABC2DEF3GH45 --all'],
};

/** Shows them below the help of each command that has some. */
export function addExamples(command: Command, words = ''): void {
  const shown = examples[words];
  const title = shown?.length === 1 ? 'Example:' : 'Examples:';
  if (shown) command.addHelpText('after', `\n${title}\n${shown.map((line) => `  ${line}`).join('\n')}`);
  for (const below of command.commands) addExamples(below, `${words} ${below.name()}`.trimStart());
}
