/** One fault planted into the gate: which text of which sources becomes what. */
export interface Mutant {
  readonly what: string;
  /** Stands exactly once in the gate's sources. */
  readonly text: string;
  readonly becomes: string;
}

const mutant = (what: string, text: string, becomes: string): Mutant => ({ what, text, becomes });

/**
 * Faults of other kinds than a condition that is gone (`taken-out.ts` makes all of those): a check that is turned round, looks at
 * less, or loses what it found. Every one of them must be noticed.
 */
export const mutants: readonly Mutant[] = [
  // gate/decide.ts
  mutant(
    'an unknown agent has the first agent’s grants',
    'policy.agents.get(agent);',
    '[...policy.agents.values()][0];',
  ),
  mutant(
    'only the first action is judged',
    'actions.map((action) => judge',
    'actions.slice(0, 1).map((action) => judge',
  ),
  mutant(
    'the last action alone can refuse',
    'const refused = verdicts.find(',
    'const refused = verdicts.slice(-1).find(',
  ),
  mutant('leases are lost', '...(leases.length === 0 ? {} : { leaseMs: Math.min(...leases) }),', ''),
  mutant('caps are not counted', '...(caps.length === 0 ? {} : { caps }),', ''),
  mutant('lists are not narrowed', '...(narrowing && { narrowing }),', ''),
  // gate/forbidden.ts
  mutant(
    'a deny widens a narrowed list',
    'return { ...granted, narrowing: { only, never:',
    'return { ...granted, narrowing: { only: {}, never:',
  ),
  mutant(
    'a deny strikes only outside its hours',
    'if (hours && !isWithin(hours, now)) continue;',
    'if (hours && isWithin(hours, now)) continue;',
  ),
  mutant(
    'a deny strikes off call alone',
    'if (on_call && facts.duty?.length === 0) continue;',
    'if (on_call && facts.duty?.length !== 0) continue;',
  ),
  mutant(
    'a deny while on call is forgotten while duty is unread',
    "needs.add('duty');\n      continue;",
    'continue;',
  ),
  mutant(
    'a deny looks at the first incident alone',
    'for (const touch of acted) {',
    'for (const touch of acted.slice(0, 1)) {',
  ),
  mutant('a deny does not look at targets', '[touch, ...targets], facts', '[touch], facts'),
  mutant(
    'a deny looks at all incidents as if they were one',
    '[touch, ...targets], facts',
    '[...touches], facts',
  ),
  mutant(
    'a deny with conditions never strikes',
    "else if (strikes.kind === 'no')\n",
    "else if (strikes.kind === ('never' as string))\n",
  ),
  mutant(
    'a deny compares the wrong way',
    '? has.list.filter((value) => values.includes(value))',
    '? has.list.filter((value) => !values.includes(value))',
  ),
  // gate/granted.ts: levels, and reading that is included.
  mutant('off includes reading', "isView ? direct.grant.level !== 'off'", 'isView ? true'),
  mutant('read includes writing', ": direct.grant.level === 'full');", ": direct.grant.level !== 'off');"),
  mutant(
    'included reading has no conditions',
    '  level,\n  when,\n  ...(until',
    '  level,\n  when: {},\n  ...(until',
  ),
  mutant('included reading has no end', '...(until !== undefined && { until }),\n});', '});'),
  // Conditions of a grant.
  mutant(
    'only the first condition is asked',
    'Object.entries(compared) as [Condition',
    'Object.entries(compared).slice(0, 1) as [Condition',
  ),
  mutant(
    'the last condition is not asked',
    'Object.entries(compared) as [Condition',
    'Object.entries(compared).slice(0, -1) as [Condition',
  ),
  ...['services', 'teams', 'policies', 'schedules', 'urgency', 'status', 'assignee'].map((condition) =>
    mutant(
      `the condition ${condition} is dropped`,
      'const { hours, on_call, ...compared } = withDuty(grant.when, action, touches, facts);',
      `const { hours, on_call, ${condition}: _dropped, ...compared } = withDuty(grant.when, action, touches, facts) as any;`,
    ),
  ),
  mutant(
    'a grant asks the first thing alone',
    'for (const touch of asked) {',
    'for (const touch of asked.slice(0, 1)) {',
  ),
  mutant(
    'a grant asks the last thing alone',
    'for (const touch of asked) {',
    'for (const touch of asked.slice(-1)) {',
  ),
  mutant('a list may ask for more', 'wanted.filter((value) => allowed.includes(value));', 'wanted;'),
  mutant('a list is cut to nothing in particular', 'only[condition] = both;', ''),
  mutant('a list gets all that the grant covers', 'only[condition] = both;', 'only[condition] = allowed;'),
  mutant(
    'facts are not asked for',
    "if (values.state === 'unread') needs.add(values.fact);",
    "if (values.state === 'unread') met.push('?');",
  ),
  mutant(
    'a condition is turned round',
    'else if (!values.list.some((value) => allowed.includes(value)))',
    'else if (values.list.some((value) => allowed.includes(value)))',
  ),
  mutant(
    'every value must be covered',
    'else if (!values.list.some((value)',
    'else if (!values.list.every((value)',
  ),
  mutant(
    'every action asks whether our own user is on call',
    "if (action === 'incidents.acknowledge') {",
    'if (true as boolean) {',
  ),
  mutant(
    'our own user’s duty is not read',
    "if (facts.ourDuty === undefined) needs.add('ourDuty');",
    'if (facts.ourDuty === undefined) met.push();',
  ),
  mutant('a cap takes one more', 'used >= cap.count)', 'used > cap.count)'),
  mutant('a cap takes one less', 'used >= cap.count)', 'used + 1 >= cap.count)'),
  mutant(
    'an approval is lost',
    "...(grant.approval && !action.endsWith('.view') && { approval: grant.approval }),",
    '',
  ),
  mutant('a cap is not handed on', '...(cap && { cap: { grant: name, cap } }),', ''),
  mutant('a grant ends late', 'if (now >= until) return', 'if (now > until) return'),
  mutant('one incident less is allowed', 'if (incidents > maxIncidents)', 'if (incidents >= maxIncidents)'),
  mutant(
    'every touch counts as an incident',
    "touches.filter(({ kind }) => kind === 'incident').length",
    'touches.length',
  ),
  mutant(
    'duty widens the policies of a grant',
    'when.policies?.filter((id) => duty.includes(id)) ?? [...duty]',
    '[...duty]',
  ),
  mutant(
    'a deny on a list is left out',
    'const never = parts.flatMap((part) => part.never);',
    'const never: Narrowing["never"] = [];',
  ),
  mutant(
    'what an include[] brings is judged by the incident',
    'aboutOf(action, question), facts',
    'question, facts',
  ),
  mutant('a user of ours may be paged by an override', "  'schedules.override',\n", ''),
  mutant('a user of ours may be paged by a new policy', "  'escalation_policies.create',\n];", '];'),
  mutant('a user of ours may be paged by a new incident', "  'incidents.create',\n", ''),
  mutant('a user of ours may be reassigned to', "  'incidents.reassign',\n", ''),
  mutant(
    'only the first user is looked at',
    'users.find((id) => ourUsers',
    'users.slice(0, 1).find((id) => ourUsers',
  ),
  // gate/approval.ts
  mutant('everybody may approve', 'by?.includes(name) ?? true', 'true'),
  mutant(
    'who may not approve counts',
    'may.filter(([name]) => approvedBy.includes(name))',
    '[...operators].filter(([name]) => approvedBy.includes(name))',
  ),
  mutant(
    'one person approves twice',
    'const given = distinct(may.filter(([name]) => approvedBy.includes(name)));',
    'const given = may.filter(([name]) => approvedBy.includes(name));',
  ),
  mutant(
    'one is enough where two are asked',
    'if (given.length >= people) return',
    'if (given.length >= 1) return',
  ),
  mutant('nobody is enough', 'if (given.length >= people) return', 'if (given.length >= people - 1) return'),
  mutant(
    'one user of PagerDuty is two people',
    'one.pagerduty_user !== undefined && one.pagerduty_user === other.pagerduty_user',
    'false',
  ),
  mutant('a previous key is nobody’s', '  ...previous_keys.map((previous) => previous.public_key),', ''),
  // gate/conditions.ts
  ...[
    [
      "incident: ['services', 'teams', 'policies', 'urgency', 'status', 'assignee']",
      "incident: ['services', 'teams', 'policies', 'urgency', 'status']",
    ],
    [
      "'new incident': ['services', 'teams', 'policies', 'urgency', 'assignee']",
      "'new incident': ['services', 'teams', 'urgency', 'assignee']",
    ],
    ["service: ['services', 'teams', 'policies']", "service: ['services']"],
    ["'escalation policy': ['policies', 'teams']", "'escalation policy': ['policies']"],
    ["schedule: ['schedules', 'teams']", "schedule: ['schedules']"],
    ["team: ['teams']", 'team: []'],
    ["user: ['assignee', 'teams']", "user: ['teams']"],
    [
      "list: ['services', 'teams', 'policies', 'schedules', 'urgency', 'status', 'assignee']",
      "list: ['services', 'teams', 'policies', 'schedules', 'urgency', 'status']",
    ],
  ].map(([text = '', becomes = '']) => mutant(`a thing shows less: ${becomes}`, text, becomes)),
  mutant('an incident shows no service', 'services: [incident.service],', 'services: [],'),
  mutant('an incident shows no status', 'status: [incident.status],', 'status: [],'),
  mutant(
    'an incident is assigned to who acknowledged it',
    'assignee: incident.assignees,',
    'assignee: incident.acknowledgers,',
  ),
  mutant(
    'a new incident is of high urgency',
    'return read([touch.urgency]);',
    "return read([touch.urgency ?? 'high']);",
  ),
  mutant(
    'a service’s policy is not read',
    "return service ? read([service.policy]) : { state: 'unread', fact: 'services' };",
    'return read([service?.policy]);',
  ),
  mutant(
    'a thing is of every team while that is not read',
    "return found ? read(found.teams) : { state: 'unread', fact };",
    'return read(found?.teams ?? []);',
  ),
  // gate/facts.ts
  // gate/grants.ts
  mutant(
    'a resource stands above its action',
    'for (const name of [action, resourceOf(action)]) {',
    'for (const name of [resourceOf(action), action]) {',
  ),
  mutant(
    'a resource grants nothing',
    'for (const name of [action, resourceOf(action)]) {',
    'for (const name of [action]) {',
  ),
  // gate/hours.ts
  mutant('hours begin a minute late', 'from < to ? minutes >= from &&', 'from < to ? minutes > from &&'),
  mutant('hours end a minute late', '&& minutes < to :', '&& minutes <= to :'),
  mutant('a night begins a minute late', ': minutes >= from ||', ': minutes > from ||'),
  mutant('a night ends a minute late', '|| minutes < to;', '|| minutes <= to;'),
  mutant('hours are turned round', 'return from < to ?', 'return from >= to ?'),
  mutant('every zone is UTC', '    timeZone: zone,\n    hour', "    timeZone: 'UTC',\n    hour"),
  mutant('midnight is the hour 24', "hourCycle: 'h23'", "hourCycle: 'h24'"),
  mutant('minutes do not count', "value('hour') * 60 + value('minute')", "value('hour') * 60"),
  // activities/narrow.ts
  mutant(
    'the request loses its own filters',
    'query: { ...query, ...Object.fromEntries(filters) }',
    'query: { ...Object.fromEntries(filters) }',
  ),
  mutant('one of the limits is enough', 'pairsOf(narrowing.only).every(', 'pairsOf(narrowing.only).some('),
  mutant('one condition of a deny hides a record', 'pairsOf(deny).every(', 'pairsOf(deny).some('),
  mutant('what a record cannot show, it has', ') ?? false', ') ?? true'),
];
