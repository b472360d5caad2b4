import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeFirst } from '../../client/configuration-file.ts';
import { OncallError, UsageError } from '../../client/errors.ts';
import { personAt } from '../../client/init/ask.ts';
import { accountAt, credentialOf, isTaken, lookAtKey, refOf, regionOf } from '../../client/init/key.ts';
import { lastWeek, lookBack, type Past, pastOf, weekInWords, weekMs } from '../../client/init/last-week.ts';
import { nextSteps } from '../../client/init/next.ts';
import { type Places, placesInWords, readPlaces, scopeOf, wantedIn } from '../../client/init/places.ts';
import { type Patience, readerOf } from '../../client/init/reading.ts';
import { firstConfiguration } from '../../client/init/text.ts';
import { Stopped } from '../../client/processes.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { PagerDutyError } from '../../pagerduty/errors.ts';
import { lookerAt } from '../../pagerduty/looking.ts';
import { duplicatesIn } from '../../workflows/duplicate-sweep.ts';
import { titleKeyOf } from '../../workflows/duplicates.ts';
import { temporaryFolder } from './temporary-store.ts';
import { answer, TinyPagerDuty, token } from './tiny-pagerduty.ts';

const folder = temporaryFolder();
const pagerduty = new TinyPagerDuty();
const now = Date.parse('2026-11-26T12:00:00Z');
const minute = 60_000;
const hour = 60 * minute;

let number = 0;
/** An incident as PagerDuty lists it, opened some time ago. */
function incident(agoMs: number, more: Readonly<Record<string, unknown>> = {}, lastedMs?: number) {
  number += 1;
  return {
    id: `P${number}`,
    incident_number: number,
    title: 'disk full on db-01',
    status: lastedMs === undefined ? 'triggered' : 'resolved',
    urgency: 'low',
    created_at: new Date(now - agoMs).toISOString(),
    resolved_at: lastedMs === undefined ? null : new Date(now - agoMs + lastedMs).toISOString(),
    service: { id: 'PDB', type: 'service_reference', summary: 'Database' },
    alert_counts: { all: 1, triggered: 1, resolved: 0 },
    ...more,
  };
}
const back = (...incidents: readonly ReturnType<typeof incident>[]) =>
  lookBack(
    incidents.map((one) => pastOf(one)),
    now,
    true,
  );

describe('the look back at a week', () => {
  test('counts what a run would have met, and what was over before', () => {
    expect(back(incident(50 * hour, {}, 9_000), incident(40 * hour, {}, 11_000))).toMatchObject({
      incidents: 2,
      over: 1,
      touched: 1,
      duplicates: 0,
      findings: { real: 1 },
    });
  });

  test('a duplicate is what the sweep would have closed: an older one of the same problem was open', () => {
    const week = back(
      incident(30 * hour, {}, 3 * hour),
      incident(29 * hour, { title: '[FIRING:2] disk full on db-01 97%' }, hour),
      incident(29 * hour, { title: 'disk full on db-02' }, hour),
      incident(29 * hour, { service: { id: 'PSHOP', type: 'service_reference' } }, hour),
      // The first is over by then.
      incident(20 * hour),
    );
    expect(week).toMatchObject({ touched: 5, duplicates: 1, findings: { real: 4 } });
    expect(week.often).toEqual([{ title: 'disk full on db-01', service: 'Database', duplicates: 1 }]);
  });

  test('the one that was kept may be older than the week; what is older itself is not counted', () => {
    const week = back(incident(weekMs + hour), incident(weekMs - hour));
    expect(week).toMatchObject({ incidents: 1, touched: 1, duplicates: 1, findings: {} });
  });

  test('what came and went is flapping, and what names no problem or has no alert is unclear', () => {
    const flaps = [4, 3, 2].map((ago) => incident(ago * hour, {}, 5 * minute));
    expect(back(...flaps, incident(hour)).findings).toEqual({ real: 3, flapping: 1 });
    const unclear = [
      incident(hour, { title: '97 %' }),
      incident(hour, { title: '97 %' }),
      incident(hour, { alert_counts: { all: 0, triggered: 0, resolved: 0 } }),
    ];
    expect(back(...unclear)).toMatchObject({ duplicates: 0, findings: { unclear: 3 } });
  });

  test('knows nothing of what came later', () => {
    const [first, second] = [incident(3 * hour), incident(2 * hour)];
    expect(back(first)).toMatchObject({ duplicates: 0 });
    expect(back(second, first)).toMatchObject({ duplicates: 1, newest: second.id });
  });

  test('agrees with the sweep of duplicates on whatever is open', () => {
    let met = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.integer({ min: 1, max: 6 * 24 * 60 }), fc.integer({ min: 0, max: 3 }), fc.boolean()),
        ),
        (all) => {
          const open = all
            .toSorted(([one], [other]) => other - one)
            .map(([ago, which, isShop]) =>
              incident(ago * minute, {
                title: ['disk full on db-01', 'disk full on db-02 97%', 'slow', '12'][which],
                ...(isShop && { service: { id: 'PSHOP', type: 'service_reference' } }),
              }),
            );
          const keys = new Map(
            open.flatMap((one) => (titleKeyOf(one) ? [[one.id, titleKeyOf(one) ?? '']] : [])),
          );
          const incidents = open as unknown as Parameters<typeof duplicatesIn>[0]['incidents'];
          const { writes } = duplicatesIn({ incidents, ourUsers: [], complete: true }, keys, new Map());
          const noted = writes.filter(({ operation }) => operation === 'createIncidentNote').length;
          met += noted;
          expect(back(...open).duplicates).toBe(noted);
        },
      ),
      { numRuns: 200 },
    );
    expect(met).toBeGreaterThan(100);
  });

  test.each<readonly [Partial<ReturnType<typeof back>>, RegExp]>([
    [{ touched: 41, duplicates: 12 }, /would have touched 41 incidents; 12 were duplicates\./],
    [{ touched: 1, duplicates: 1 }, /would have touched 1 incident; 1 was a duplicate\./],
    [
      { touched: 2, findings: { real: 2 } },
      /2 incidents; none was a duplicate\.\nOn each .*\(2 real\); with no grant/,
    ],
    [{ over: 1 }, /1 incident more was over within 10 s/],
    [{ incidents: 1_204 }, /All of the week's 1,204 incidents were read\.$/],
    [{ complete: false }, /PagerDuty did not show all incidents: there were more\.$/],
  ])('is told in words: %j', (more, says) => {
    expect(weekInWords({ ...back(), ...more }, 'triage-bot')).toMatch(says);
  });

  test('of ten thousand of one problem takes no time', () => {
    const storm: Past[] = Array.from({ length: 10_000 }, (_, index) => {
      const at = now - weekMs + index * 30_000;
      const key = 'PDB disk full';
      return {
        id: `P${index}`,
        number: index,
        title: 'disk full',
        service: 'Database',
        key,
        at,
        resolvedAt: at + minute,
        alerts: 1,
      };
    });
    expect(lookBack(storm, now, true)).toMatchObject({ touched: 10_000, duplicates: 9_999 });
  });
});

const places: Places = {
  services: [
    { id: 'PCHECKOUT', name: 'Checkout', policy: 'PPAY', teams: ['PPAYMENTS'] },
    { id: 'PCART', name: 'Cart, baskets', policy: 'PPAY', teams: ['PPAYMENTS'] },
    { id: 'PSEARCH', name: 'Search', policy: 'PPLAT', teams: [] },
    { id: 'PTEAMUP', name: 'team up', policy: undefined, teams: [] },
  ],
  teams: [
    { id: 'PPAYMENTS', name: 'Payments' },
    { id: 'PPLATFORM', name: 'Platform' },
  ],
  policies: [
    { id: 'PPAY', name: 'Payments on-call' },
    { id: 'PPLAT', name: 'Platform on-call' },
    { id: 'PIDLE', name: 'Idle' },
  ],
  complete: true,
};
const scoped = (said: string) => {
  const { of, chosen } = scopeOf(wantedIn(said, places), places);
  return [of, ...chosen.map(({ id }) => id)];
};

describe('what a person chooses', () => {
  test.each([
    ['checkout', ['services', 'PCHECKOUT']],
    ['PSEARCH, Checkout', ['services', 'PSEARCH', 'PCHECKOUT']],
    ['Cart, baskets', ['services', 'PCART']],
    ['team payments', ['teams', 'PPAYMENTS']],
    ['team Payments, team Platform', ['teams', 'PPAYMENTS', 'PPLATFORM']],
    ['team up', ['services', 'PTEAMUP']],
    ['policy Payments on-call', ['services', 'PCHECKOUT', 'PCART']],
    ['team Payments, Search', ['services', 'PSEARCH', 'PCHECKOUT', 'PCART']],
    ['sear', ['services', 'PSEARCH']],
    ['all', ['all']],
    ['*', ['all']],
  ])('%j is that', (said, expected) => {
    expect(scoped(said)).toEqual(expected);
  });

  test.each([
    ['Chekout', 'There is no service "Chekout"; did you mean Checkout?'],
    [
      'xxxxxxxxxxxx',
      'There is no service "xxxxxxxxxxxx"; there are Checkout, Cart, baskets, Search, team up.',
    ],
    [
      'c',
      '"c" fits several services: Checkout (PCHECKOUT), Cart, baskets (PCART), Search (PSEARCH). Name one, or its id.',
    ],
    [
      'policy on-call',
      '"on-call" fits several escalation policies: Payments on-call (PPAY), Platform on-call (PPLAT). Name one, or its id.',
    ],
    ['team Paiments', 'There is no team "Paiments"; did you mean Payments?'],
    ['policy Idle', 'Idle pages for no service; name another escalation policy, or services.'],
  ])('%j is nothing, and the sentence says what there is', (said, sentence) => {
    expect(() => scoped(said)).toThrow(new UsageError(sentence));
  });

  test('an empty choice is none', () => {
    expect(() => scoped(' , ')).toThrow(UsageError);
  });

  test('thousands are shown by their first names and their number', () => {
    const services = Array.from({ length: 3_214 }, (_, index) => ({
      id: `P${index}`,
      name: `s${index}`,
      policy: 'PPAY',
      teams: [],
    }));
    const [line] = placesInWords({ ...places, services }).split('\n');
    expect(line).toMatch(/^Services \(3,214\): s0, s1, .*, s19 and 3194 more$/);
  });
});

describe('the key', () => {
  test.each(['u+OneTokenOfTwenty01', 'Token token=abc', 'env:', 'file:', 'file:/a b'])(
    '%j is no place of one',
    (words) => {
      let sentence = '';
      try {
        refOf(words);
      } catch (error) {
        sentence = (error as UsageError).message;
      }
      expect(sentence).toMatch(/^--token (says where the key lies|names a file)/);
      expect(sentence).not.toContain('Twenty');
    },
  );

  test('a file is named so that it is found from anywhere', () => {
    expect(refOf('file:pagerduty.key')).toBe(`file:${join(process.cwd(), 'pagerduty.key')}`);
    expect(refOf('env:PAGERDUTY_API_TOKEN')).toBe('env:PAGERDUTY_API_TOKEN');
  });

  const ref = refOf('env:KEY');
  const eu = { region: 'custom', rest_url: 'http://127.0.0.1:1', events_url: 'http://127.0.0.1:1' } as const;
  /** Looks at a key, at a server that stands for a region. */
  const lookedAt = async (key: string, elsewhere?: () => Promise<boolean>) => {
    const secrets = () => key;
    const credential = credentialOf(ref, secrets);
    const account = { ...accountAt(regionOf('us'), credential) };
    return lookAtKey({ account, secrets }, readerAt(key), elsewhere);
  };

  test('of the other region is told by that region', async () => {
    pagerduty.reply = answer(401, {});
    const look = lookedAt(token, async () => true);
    await expect(look).rejects.toThrow(
      'This is a key of the other region: PagerDuty (us) does not take it, PagerDuty (eu) does. Call this with --region eu.',
    );
  });

  test('that no region takes is named by its place, with the mend', async () => {
    pagerduty.reply = answer(401, {});
    const look = lookedAt(token, async () => false);
    await expect(look).rejects.toThrow(
      /^PagerDuty does not take what env:KEY holds .* Mend: make a new one in PagerDuty/,
    );
    await expect(look).rejects.not.toThrow(token);
  });

  test('of an account says nothing of what it may', async () => {
    pagerduty.reply = answer(400, { error: 'this is an account-level token' });
    expect(await lookedAt(token)).toEqual([]);
  });

  test.each([
    [
      'admin',
      /^Its token is Ada’s own: .*; with the role admin it may write\. Mend: make a read-only API key/,
    ],
    ['read_only_user', /^Its token is Ada’s own: .* when Ada leaves\. Mend: make a read-only API key/],
  ])('of a person with the role %s is warned of', async (role, warning) => {
    pagerduty.reply = answer(200, { user: { id: 'PADA', name: 'Ada', email: 'ada@example.com', role } });
    expect(await lookedAt(token)).toEqual([expect.stringMatching(warning)]);
  });

  test('that begins as an OAuth token does is a bearer', () => {
    expect(credentialOf(ref, () => 'pdeu+_abc').kind).toBe('bearer');
    expect(credentialOf(ref, () => token).kind).toBe('token');
  });

  test('where nothing listens is not taken', async () => {
    const nowhere = readerOf(
      lookerAt(
        {
          account: accountAt(
            eu,
            credentialOf(ref, () => token),
          ),
          credential: credentialOf(ref, () => token),
        },
        () => token,
        'init',
      ),
      reads(),
    );
    expect(await isTaken(nowhere)).toBe(false);
    await nowhere.close();
  });
});

const quick: Patience = { unsaidMs: 1, refusals: 3, faultsMs: [1, 1] };
const reads = (said: string[] = [], stop = new AbortController().signal) => ({
  say: (line: string) => void said.push(line),
  stop,
  patience: quick,
  now: () => now,
});
function readerAt(key: string, said: string[] = [], stop = new AbortController().signal) {
  const region = { region: 'custom', rest_url: pagerduty.url, events_url: pagerduty.url } as const;
  const credential = credentialOf(refOf('env:KEY'), () => key);
  return readerOf(
    lookerAt({ account: accountAt(region, credential), credential }, () => key, 'init'),
    reads(said, stop),
  );
}

/** Answers one after the other; the last one again and again. */
const inTurn = (...answers: readonly ReturnType<typeof answer>[]): void => {
  let at = 0;
  pagerduty.reply = (response) => {
    answers[Math.min(at, answers.length - 1)]?.(response);
    at += 1;
  };
};
const full = answer(429, { error: { message: 'Rate Limit Exceeded', code: 2020 } });

describe('reading', () => {
  const services = (from: number, count: number, more: boolean) =>
    answer(200, {
      services: Array.from({ length: count }, (_, index) => ({
        id: `PS${from + index}`,
        name: `s${from + index}`,
      })),
      more,
    });

  test('walks a list to its end, by what came', async () => {
    const reader = readerAt(token);
    inTurn(services(0, 100, true), services(100, 40, true), services(140, 3, false));
    const found: string[] = [];
    const complete = await reader.walk('listServices', {}, (page) => {
      found.push(...page.services.map(({ id }) => id));
    });
    expect(complete).toBe(true);
    expect(found).toHaveLength(143);
    const offsets = pagerduty.seen.map(({ url }) =>
      new URL(url ?? '', pagerduty.url).searchParams.get('offset'),
    );
    expect(offsets).toEqual(['0', '100', '140']);
    await reader.close();
  });

  test('says where PagerDuty shows no more than 10,000', async () => {
    const reader = readerAt(token);
    inTurn(services(0, 100, true));
    expect(await reader.walk('listServices', {}, () => {})).toBe(false);
    expect(pagerduty.seen).toHaveLength(100);
    await reader.close();
  });

  test('cuts incidents by time where there are more', async () => {
    const reader = readerAt(token);
    const page = (response: Parameters<typeof pagerduty.reply>[0], url: string) => {
      const { searchParams } = new URL(url, pagerduty.url);
      const offset = Number(searchParams.get('offset'));
      const isFirst = searchParams.get('since') === new Date(now - 2 * weekMs).toISOString();
      const incidents = isFirst
        ? Array.from({ length: 100 }, (_, index) => incident(weekMs - (offset + index) * 1_000, {}, hour))
        : [incident(hour)];
      answer(200, { incidents, more: isFirst })(response);
    };
    pagerduty.reply = (response, { url }) => page(response, url ?? '');
    const week = await lastWeek(reader, { of: 'services', chosen: [{ id: 'PDB', name: 'Database' }] }, now);
    expect(week).toMatchObject({ complete: true, incidents: 10_001 });
    expect(pagerduty.seen).toHaveLength(101);
    expect(pagerduty.seen[0]?.url).toContain('service_ids%5B%5D=PDB');
    await reader.close();
  });

  test('asks of many services in several questions', async () => {
    const reader = readerAt(token);
    inTurn(answer(200, { incidents: [], more: false }));
    const chosen = Array.from({ length: 250 }, (_, index) => ({ id: `PS${index}`, name: '' }));
    await lastWeek(reader, { of: 'services', chosen }, now);
    expect(pagerduty.seen.map(({ url }) => url?.split('service_ids').length)).toEqual([101, 101, 51]);
    await reader.close();
  });

  test('waits where PagerDuty asks it to, and says so', async () => {
    const said: string[] = [];
    const reader = readerAt(token, said);
    inTurn(full, full, services(0, 1, false));
    expect(await reader.read('listServices', {})).toMatchObject({ status: 200 });
    expect(said).toEqual(Array(2).fill("PagerDuty's limit for this key is used up; going on in 1 s."));
    await reader.close();
  });

  test('gives up where others use the limit up again and again', async () => {
    const reader = readerAt(token);
    inTurn(full);
    await expect(reader.read('listServices', {})).rejects.toThrow(
      /refused listServices 4 times.* take a key of its own\.$/,
    );
    expect(pagerduty.seen).toHaveLength(4);
    await reader.close();
  });

  test('asks again after a fault of PagerDuty’s, and tells one that stays', async () => {
    const reader = readerAt(token);
    inTurn(answer(503, {}), services(0, 1, false));
    expect(await reader.read('listServices', {})).toMatchObject({ status: 200 });
    inTurn(answer(503, {}));
    await expect(reader.read('listServices', {})).rejects.toBeInstanceOf(PagerDutyError);
    expect(pagerduty.seen).toHaveLength(5);
    await reader.close();
  });

  test('stops at once when it is to stop, also while it waits for an answer', async () => {
    const stop = new AbortController();
    const reader = readerAt(token, [], stop.signal);
    pagerduty.reply = () => stop.abort();
    await expect(reader.read('listServices', {})).rejects.toBeInstanceOf(Stopped);
    await expect(reader.read('listServices', {})).rejects.toBeInstanceOf(Stopped);
    expect(pagerduty.seen).toHaveLength(1);
    await reader.close();
  });

  test('takes an account whose plan has no teams', async () => {
    const reader = readerAt(token);
    pagerduty.reply = (response, { url }) => {
      if (url?.startsWith('/teams')) answer(402, { error: { message: 'no', code: 2014 } })(response);
      else if (url?.startsWith('/services')) services(0, 2, false)(response);
      else answer(200, { escalation_policies: [], more: false })(response);
    };
    expect(await readPlaces(reader)).toMatchObject({
      services: [{ id: 'PS0' }, { id: 'PS1' }],
      teams: [],
      complete: true,
    });
    await reader.close();
  });
});

describe('the file', () => {
  const first = {
    region: { region: 'us' },
    credential: { kind: 'token', ref: refOf('env:PAGERDUTY_API_TOKEN') },
    from: 'bot@example.com',
    agent: 'triage-bot',
    day: '2026-11-26',
  } as const;
  const { publicKey } = newKeyPair();
  const grantsWith = (scope: Parameters<typeof firstConfiguration>[0]['scope']) => {
    const policy = parsePolicy(firstConfiguration({ ...first, scope }, publicKey), 'oncall.yaml');
    expect(policy.accounts.get('main')).toMatchObject({ region: 'us', from: { default: 'bot@example.com' } });
    return Object.fromEntries(policy.agents.get('triage-bot')?.grants ?? []);
  };

  test('grants reads and notes, and nothing else', () => {
    expect(grantsWith({ of: 'all', chosen: [] })).toEqual({
      incidents: { level: 'read', when: {} },
      'incidents.add_note': { level: 'full', when: {} },
      services: { level: 'read', when: {} },
      oncalls: { level: 'read', when: {} },
    });
  });

  test.each(['services', 'teams'] as const)('limits them to the %s that were chosen', (of) => {
    const when = { [of]: ['PONE', 'PTWO'] };
    const chosen = [
      { id: 'PONE', name: 'One # of: {many}' },
      { id: 'PTWO', name: '*two' },
    ];
    expect(grantsWith({ of, chosen })).toMatchObject({
      incidents: { level: 'read', when },
      'incidents.add_note': { level: 'full', when },
      services: { level: 'read', when },
    });
  });

  const files = () => ({
    configFile: join(folder(), 'oncall.yaml'),
    keyFile: join(folder(), 'keys', 'bot.pem'),
  });
  const textOf = (key: string): string =>
    firstConfiguration({ ...first, scope: { of: 'all', chosen: [] } }, key);

  test('is written whole, with the private key beside it and for its owner alone', () => {
    const { configFile, keyFile } = files();
    writeFirst({ configFile, keyFile, textOf });
    const { agents } = parsePolicy(readFileSync(configFile, 'utf8'));
    expect(agents.get('triage-bot')?.public_key).toHaveLength(43);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder()).filter((name) => name.startsWith('oncall'))).toEqual(['oncall.yaml']);
  });

  test('over nothing that came meanwhile, and then without a key either', () => {
    const { configFile, keyFile } = files();
    writeFileSync(configFile, 'mine');
    expect(() => writeFirst({ configFile, keyFile, textOf })).toThrow(
      /exists already and is not overwritten/,
    );
    expect(readFileSync(configFile, 'utf8')).toBe('mine');
    expect(existsSync(keyFile)).toBe(false);
  });
});

describe('a person at a terminal', () => {
  const seated = (stop = new AbortController()) => {
    const input = new PassThrough();
    const output = new PassThrough();
    return {
      input,
      stop,
      said: () => String(output.read() ?? ''),
      person: personAt({ input, output }, stop.signal),
    };
  };

  test('is asked again with the reason, and may take what is proposed', async () => {
    const { input, said, person } = seated();
    input.write('mars\n\nbob\n');
    expect(await person.ask({ asks: 'Region?', otherwise: 'us', take: regionOf })).toEqual({ region: 'us' });
    expect(said()).toMatch(/Region\? \[us\] .*--region is us or eu.*\n.*Region\? \[us\] /s);
    // Typed ahead.
    expect(await person.ask({ asks: 'Who?', take: (answer) => answer })).toBe('bob');
    person.close();
  });

  test('who leaves is not waited for', async () => {
    const { input, person } = seated();
    const asked = person.ask({ asks: 'Who?', take: (answer) => answer });
    input.end();
    await expect(asked).rejects.toBeInstanceOf(Stopped);
    expect(person.left.aborted).toBe(true);
    await expect(person.ask({ asks: 'Who?', take: (answer) => answer })).rejects.toBeInstanceOf(Stopped);
  });

  test('is not asked on when it is to stop, and told what nobody foresaw', async () => {
    const { stop, person } = seated();
    const asked = person.ask({ asks: 'Who?', take: (answer) => answer });
    stop.abort();
    await expect(asked).rejects.toBeInstanceOf(Stopped);
    const other = seated();
    other.input.write('x\n');
    const failing = () => {
      throw new TypeError('unforeseen');
    };
    await expect(other.person.ask({ asks: 'Who?', take: failing })).rejects.toThrow('unforeseen');
    other.person.close();
    expect(new OncallError('')).not.toBeInstanceOf(Stopped);
  });
});

test('the next steps name the files where commands do not find them, as a shell takes them', () => {
  const steps = nextSteps({
    agent: 'lead',
    keyFile: "/it's/key.pem",
    configFile: '/etc/on call.yaml',
    hasServer: false,
    incident: 'P1',
  }).map(({ command }) => command);
  expect(steps).toEqual([
    'oncall temporal',
    "oncall --config '/etc/on call.yaml' worker",
    "oncall --config '/etc/on call.yaml' doctor",
    `ONCALL_AGENT=lead ONCALL_AGENT_KEY_FILE='/it'\\''s/key.pem' oncall --config '/etc/on call.yaml' run triageIncident --input '{"account":"main","incident":"P1"}'`,
    "oncall --config '/etc/on call.yaml' audit",
    "oncall --config '/etc/on call.yaml' operators add boss",
    "oncall --config '/etc/on call.yaml' agents add second-bot",
  ]);
});
