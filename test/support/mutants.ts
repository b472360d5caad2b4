/** One fault planted into the gate: which text of which sources becomes what. */
export interface Mutant {
  readonly what: string;
  /** Stands exactly once in the gate's sources. */
  readonly text: string;
  readonly becomes: string;
}

const mutant = (what: string, text: string, becomes: string): Mutant => ({ what, text, becomes });
/** Where a condition is dropped, nothing is asked any more. */
const never = (what: string, text: string): Mutant =>
  mutant(what, text, text.replace(/^if \(/, 'if (false && '));

/** Each takes one check out of the gate or turns it round; every one of them must be noticed. */
export const mutants: readonly Mutant[] = [
  // gate/decide.ts: before any grant.
  mutant(
    'an unknown agent has the first agent’s grants',
    'policy.agents.get(agent);',
    '[...policy.agents.values()][0];',
  ),
  never('disabled agents go on', 'if (switches?.disabled) return'),
  never('frozen agents go on', 'if (switches?.frozen) return'),
  never('a request without actions passes', 'if (actions.length === 0)'),
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
  mutant('what is refused is allowed', 'if (refused) {', 'if (false && refused) {'),
  mutant('needs are forgotten', "if (needs.size > 0) return { decision: 'needs', needs: [...needs] };", ''),
  mutant('an approval is not waited for', 'if (missing) {', 'if (false as boolean && missing) {'),
  mutant('leases are lost', '...(leases.length === 0 ? {} : { leaseMs: Math.min(...leases) }),', ''),
  mutant('caps are not counted', '...(caps.length === 0 ? {} : { caps }),', ''),
  mutant('lists are not narrowed', '...(narrowing && { narrowing }),', ''),
  // Denies.
  never('a deny never strikes', "if (forbidden.kind === 'no') return forbidden;"),
  mutant(
    'a deny on a list is lost',
    'return { ...granted, narrowing: { only: granted.narrowing?.only ?? {}, never } };',
    'return granted;',
  ),
  mutant(
    'a deny widens a narrowed list',
    'only: granted.narrowing?.only ?? {}, never }',
    'only: {}, never }',
  ),
  mutant(
    'facts for a deny are not asked for',
    '[...new Set([...forbidden.needs, ...needs])]',
    '[...new Set(needs)]',
  ),
  mutant(
    'a deny of a resource says nothing',
    'if (name !== action && name !== resourceOf(action)) continue;',
    'if (name !== action) continue;',
  ),
  mutant(
    'a deny of an action says nothing',
    'if (name !== action && name !== resourceOf(action)) continue;',
    'if (name !== resourceOf(action)) continue;',
  ),
  mutant('a deny strikes outside its hours', 'if (hours && !isWithin(hours, now)) continue;', ''),
  mutant(
    'a deny strikes only outside its hours',
    'if (hours && !isWithin(hours, now)) continue;',
    'if (hours && isWithin(hours, now)) continue;',
  ),
  mutant('a deny strikes off call', 'if (on_call && facts.duty?.length === 0) continue;', ''),
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
  never('a deny without conditions says nothing', 'if (pairs.length === 0)'),
  never(
    'a deny with conditions lets pass what shows nothing beforehand',
    "if (touches.length === 0 && action.endsWith('.view'))",
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
    'one condition of a deny is enough',
    "else if (unread.length === 0) return { kind: 'yes', rule: '', why: '' };\n    else for",
    'else for',
  ),
  mutant(
    'a deny never strikes while its facts are unread',
    'else if (unread.length === 0) return',
    'else if (true as boolean) return',
  ),
  mutant(
    'a deny compares the wrong way',
    '? has.list.filter((value) => values.includes(value))',
    '? has.list.filter((value) => !values.includes(value))',
  ),
  // Levels, and reading that is included.
  mutant('off includes reading', "isView ? direct.grant.level !== 'off'", 'isView ? true'),
  mutant('read includes writing', ": direct.grant.level === 'full');", ": direct.grant.level !== 'off');"),
  mutant('no level is asked for', 'const own = covers ?', 'const own = direct ?'),
  mutant(
    'a cap is used up by what another grant includes',
    "if (own?.kind === 'yes' && !own.cap) return own;",
    "if (own?.kind === 'yes') return own;",
  ),
  mutant('viewing is included though a grant says no', 'isView && !grants.has(action) &&', 'isView &&'),
  mutant('lists are included', "&& question.touches.some(({ kind }) => kind !== 'list')) {", ') {'),
  mutant('writing is included', 'if (isView && !grants.has', 'if (!grants.has'),
  mutant(
    'off includes reading what it would act on',
    "level === 'full' && name.startsWith",
    'name.startsWith',
  ),
  mutant('a grant of another resource includes reading', 'name.startsWith(`${resourceOf(action)}.`) &&', ''),
  mutant('creating includes reading', " && !name.endsWith('.create'),", ','),
  mutant(
    'included reading has no conditions',
    '  level,\n  when,\n  ...(until',
    '  level,\n  when: {},\n  ...(until',
  ),
  mutant('included reading has no end', '...(until !== undefined && { until }),\n});', '});'),
  mutant('reading is no longer included', 'if (best) return best;', ''),
  // Conditions of a grant.
  mutant('what refuses at once is not asked', 'if (atOnce !== undefined) return no(atOnce);', ''),
  mutant(
    'a list of no policy on call passes',
    'if (listed && compared.policies?.length === 0) {',
    'if (false as boolean) {',
  ),
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
  mutant(
    'a list that asks for nothing granted passes',
    'if (both.length === 0)\n          return no(',
    'if (false as boolean)\n          return no(',
  ),
  mutant('a list is cut to nothing in particular', 'only[condition] = both;', ''),
  mutant('a list gets all that the grant covers', 'only[condition] = both;', 'only[condition] = allowed;'),
  mutant(
    'facts are not asked for',
    "if (values.state === 'unread') needs.add(values.fact);",
    "if (values.state === 'unread') met.push('?');",
  ),
  mutant(
    'a condition that fails is passed over',
    'else if (!values.list.some((value) => allowed.includes(value)))',
    'else if (false as boolean)',
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
    'what nothing can show is met',
    'if (asked.length === 0)\n      return no(',
    'if (false as boolean)\n      return no(',
  ),
  mutant('on_call is not asked', 'if (on_call) {\n    const duty', 'if (false as boolean) {\n    const duty'),
  mutant(
    'acknowledging does not ask whether our own user is on call',
    "if (action === 'incidents.acknowledge') {",
    'if (false as boolean) {',
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
  mutant(
    'our own user’s duty refuses nothing',
    'else if (facts.ourDuty !== null) return',
    'else if (false as boolean) return',
  ),
  mutant('a cap is no limit', 'if (cap && used !== undefined && used >= cap.count)', 'if (false as boolean)'),
  mutant('a cap takes one more', 'used >= cap.count)', 'used > cap.count)'),
  mutant('a cap takes one less', 'used >= cap.count)', 'used + 1 >= cap.count)'),
  mutant(
    'what is unread is granted',
    "if (needs.size > 0) return { kind: 'needs', needs: [...needs] };\n  if (hours)",
    'if (hours)',
  ),
  mutant(
    'an approval is lost',
    "...(grant.approval && !action.endsWith('.view') && { approval: grant.approval }),",
    '',
  ),
  mutant(
    'reading waits for an approval',
    "grant.approval && !action.endsWith('.view') &&",
    'grant.approval &&',
  ),
  mutant(
    'a lease is lost',
    "grant.leaseMs !== undefined && action === 'incidents.acknowledge' &&",
    'false &&',
  ),
  mutant('a cap is not handed on', '...(cap && { cap: { grant: name, cap } }),', ''),
  mutant(
    'a list’s limits are not handed on',
    '...(Object.keys(only).length > 0 && { narrowing: { only, never: [] } }),',
    '',
  ),
  mutant(
    'a grant does not end',
    'if (grant.until !== undefined && now >= grant.until)',
    'if (false as boolean)',
  ),
  mutant('a grant ends late', 'now >= grant.until)', 'now > grant.until)'),
  mutant(
    'hours of a grant are not asked',
    'if (hours && !isWithin(hours, now))\n    return',
    'if (false as boolean)\n    return',
  ),
  mutant(
    'any routing key will do',
    'if (key && !grant.routingKeys?.includes(key.name))',
    'if (false as boolean)',
  ),
  mutant(
    'any number of incidents will do',
    'if (grant.maxIncidents !== undefined && incidents > grant.maxIncidents)',
    'if (false as boolean)',
  ),
  mutant(
    'one incident less is allowed',
    'incidents > grant.maxIncidents)',
    'incidents >= grant.maxIncidents)',
  ),
  mutant(
    'every touch counts as an incident',
    "touches.filter(({ kind }) => kind === 'incident').length",
    'touches.length',
  ),
  mutant(
    'a list is not cut to the policies on call',
    'if (!when.on_call || !isList || !duty || duty.length === 0) return when;',
    'return when;',
  ),
  mutant(
    'a list of users is cut by policies',
    'const isList = hasPolicies && touches.some',
    'const isList = touches.some',
  ),
  mutant(
    'duty widens the policies of a grant',
    'when.policies?.filter((id) => duty.includes(id)) ?? [...duty]',
    '[...duty]',
  ),
  mutant('duty is not read', "if (facts.duty === undefined) return { kind: 'needs', needs: ['duty'] };", ''),
  mutant('off call is on call', 'if (facts.duty.length === 0) return', 'if (false as boolean) return'),
  mutant(
    'on call for anything will do',
    'if (!values.list.some((id) => facts.duty?.includes(id))) {',
    'if (false as boolean) {',
  ),
  mutant(
    'a deny on a list is left out',
    'const never = parts.flatMap((part) => part.never);',
    'const never: Narrowing["never"] = [];',
  ),
  // gate/approval.ts
  mutant('everybody may approve', 'by?.includes(name) ?? true', 'true'),
  mutant('the agent’s own person may approve', '&& !isSamePerson(agent, operator),', ','),
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
  mutant('one key is two people', 'keysOf(other).some((key) => keys.includes(key)) ||', ''),
  mutant(
    'one user of PagerDuty is two people',
    'one.pagerduty_user !== undefined && one.pagerduty_user === other.pagerduty_user',
    'false',
  ),
  mutant('who has no user is the same person', 'one.pagerduty_user !== undefined && one', 'one'),
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
  mutant(
    'an incident that is not read has nothing',
    "if (incident === undefined) return { state: 'unread', fact: 'incidents' };",
    'if (incident === undefined) return read([]);',
  ),
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
    'a new incident goes to its service’s policy',
    "if (touch.policy !== undefined && condition !== 'services')",
    'if (false as boolean)',
  ),
  mutant('a new incident is of no service', "&& condition !== 'services')", ')'),
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
  mutant('an incident’s number is unknown', ' || String(incident.number) === id', ''),
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
  mutant('hours do not go over midnight', ': minutes >= from || minutes < to;', ': false;'),
  mutant('hours are turned round', 'return from < to ?', 'return from >= to ?'),
  mutant('every zone is UTC', '    timeZone: zone,\n    hour', "    timeZone: 'UTC',\n    hour"),
  mutant('midnight is the hour 24', "hourCycle: 'h23'", "hourCycle: 'h24'"),
  mutant('minutes do not count', "value('hour') * 60 + value('minute')", "value('hour') * 60"),
  // activities/narrow.ts
  mutant('the request is not narrowed', 'if (filters.length === 0) return request;', 'return request;'),
  mutant(
    'the request loses its own filters',
    'query: { ...query, ...Object.fromEntries(filters) }',
    'query: { ...Object.fromEntries(filters) }',
  ),
  mutant(
    'the answer is not narrowed',
    'if (!narrowing || !paging || !narrows)',
    'if (true as boolean || !narrowing || !paging || !narrows)',
  ),
  mutant('one of the limits is enough', 'pairsOf(narrowing.only).every(', 'pairsOf(narrowing.only).some('),
  mutant(
    'denied records are shown',
    '!narrowing.never.some((deny) =>',
    'true || !narrowing.never.some((deny) =>',
  ),
  mutant('one condition of a deny hides a record', 'pairsOf(deny).every(', 'pairsOf(deny).some('),
  mutant('what a record cannot show, it has', ') ?? false', ') ?? true'),
];
