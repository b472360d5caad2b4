import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { reservedNames } from '../../gate/runner.ts';
import { PagerDutyError } from '../../pagerduty/errors.ts';
import { lookerAt } from '../../pagerduty/looking.ts';
import { type ClientSettings, clientSettings, readSecret } from '../config.ts';
import { checkIsFirst, checkName, keyFileOf, writeFirst } from '../configuration-file.ts';
import { ownTerminal } from '../confirm.ts';
import { lookAtFrom } from '../doctor/account.ts';
import { wordsOf } from '../doctor/finding.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { type Person, personAt, type Question } from '../init/ask.ts';
import {
  accountAt,
  credentialOf,
  isTaken,
  type Kept,
  lookAtKey,
  type Region,
  readOnly,
  refOf,
  regionOf,
} from '../init/key.ts';
import { type LastWeek, lastWeek, weekInWords } from '../init/last-week.ts';
import { nextSteps } from '../init/next.ts';
import {
  isNothing,
  type Places,
  placesInWords,
  readPlaces,
  type Scope,
  scopeOf,
  type Wanted,
  wantedIn,
} from '../init/places.ts';
import { type Reader, readerOf, usualPatience } from '../init/reading.ts';
import { firstConfiguration } from '../init/text.ts';
import type { Output } from '../output.ts';
import { Stopped, stopSignal } from '../processes.ts';

export interface InitOptions {
  readonly token?: string;
  readonly region?: string;
  readonly restUrl?: string;
  readonly eventsUrl?: string;
  readonly services?: readonly string[];
  readonly teams?: readonly string[];
  readonly policies?: readonly string[];
  readonly allServices?: boolean;
  readonly from?: string;
  readonly agent: string;
  readonly keyFile?: string;
  readonly list?: boolean;
  /** Commander's word for `--no-replay` is `false`. */
  readonly replay: boolean;
}

/** One call: what was said in flags, who can be asked the rest, and who is told. */
interface Session {
  readonly options: InitOptions;
  readonly person: Person | undefined;
  readonly output: Output;
  readonly stop: AbortSignal;
  readonly settings: ClientSettings;
}

/** An account that can be read. */
interface Opened {
  readonly region: Region;
  readonly credential: Kept;
  readonly reader: Reader;
  readonly warnings: readonly string[];
}

/** `oncall init`: from a PagerDuty key to a first configuration, and what the last week would have been with it. PagerDuty is only read. */
export async function init(options: InitOptions, output: Output): Promise<ExitCode> {
  const settings = clientSettings();
  checkName(options.agent, 'an agent');
  if (reservedNames.includes(options.agent))
    throw new UsageError(`The audit uses the name ${options.agent} itself; choose another by --agent.`);
  if (!options.list) checkIsFirst(settings.configFile);
  const terminal = isatty(2) ? ownTerminal() : null;
  if (!terminal) checkNothingMissing(options);
  const asked = stopSignal();
  const person = terminal ? personAt(terminal, asked) : undefined;
  const stop = person ? AbortSignal.any([asked, person.left]) : asked;
  const session = { options, person, output, stop, settings };
  let opened: Opened | undefined;
  try {
    opened = await openAccount(session);
    return options.list ? await list(opened, output) : await begin(session, opened);
  } catch (error) {
    if (error instanceof Stopped) throw new OncallError('Stopped; nothing was written.');
    if (!(error instanceof PagerDutyError)) throw error;
    throw new OncallError(
      `PagerDuty could not be read to the end, so nothing was written: ${wordsOf(error)}. ${error.facts.kind === 'Forbidden' ? 'Take a key that may read everything.' : 'Call this again.'}`,
    );
  } finally {
    person?.close();
    await opened?.reader.close();
  }
}

const wantedBy = ({
  services = [],
  teams = [],
  policies = [],
  allServices = false,
}: InitOptions): Wanted => ({
  services,
  teams,
  policies,
  all: allServices,
});

/** Where nobody can be asked, flags say all of it. */
function checkNothingMissing(options: InitOptions): void {
  const missing = [
    ...(options.token === undefined ? ['--token env:NAME (or file:PATH)'] : []),
    ...(!options.list && isNothing(wantedBy(options))
      ? ['--services NAME… (or --teams, --policies, --all-services; `oncall init --list` shows the names)']
      : []),
    ...(!options.list && options.from === undefined ? ['--from ADDRESS'] : []),
  ];
  if (missing.length > 0)
    throw new UsageError(`Nobody is here to be asked; what is missing: ${missing.join(', ')}.`);
}

/** Asks where the key lies and where the account stands until PagerDuty takes it. */
async function openAccount({ options, person, output, stop }: Session): Promise<Opened> {
  const isSaid = options.token !== undefined && (options.region ?? options.restUrl) !== undefined;
  for (;;) {
    const ref = await answered(person, options.token, {
      asks: 'Where does a read-only PagerDuty key lie: env:NAME, or file:PATH?',
      otherwise: 'env:PAGERDUTY_API_TOKEN',
      take: refOf,
    });
    const region =
      customRegion(options) ??
      (await answered(person, options.region ?? (person ? undefined : 'us'), {
        asks: 'Region of the account, us or eu?',
        otherwise: 'us',
        take: regionOf,
      }));
    const credential = credentialOf(ref, readSecret);
    const readerIn = (where: Region): Reader =>
      readerOf(lookerAt({ account: accountAt(where, credential), credential }, readSecret, 'init'), {
        say: output.say,
        stop,
        patience: usualPatience,
        now: Date.now,
      });
    const reader = readerIn(region);
    try {
      const look = { account: accountAt(region, credential), secrets: readSecret };
      const warnings = await lookAtKey(look, reader, elsewhere(region, readerIn));
      for (const warning of warnings) output.say(`Warning: ${warning}`);
      if (warnings.length === 0)
        output.say(
          `PagerDuty does not say whether this key may write; reading needs none that may. If it does, ${readOnly}.`,
        );
      return { region, credential, reader, warnings };
    } catch (error) {
      await reader.close();
      if (!person || isSaid || !(error instanceof OncallError) || error instanceof Stopped) throw error;
      output.say(error.message);
    }
  }
}

function customRegion({ region, restUrl, eventsUrl = restUrl }: InitOptions): Region | undefined {
  if (restUrl === undefined || eventsUrl === undefined) return undefined;
  if (region !== undefined && region !== 'custom')
    throw new UsageError('--region and --rest-url exclude each other: an account stands in one place.');
  for (const url of [restUrl, eventsUrl])
    if (!(URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)))
      throw new UsageError('--rest-url and --events-url take addresses, such as http://127.0.0.1:8080.');
  return { region: 'custom', rest_url: restUrl, events_url: eventsUrl };
}

/** Whether the other region takes the key that this one does not. */
function elsewhere(
  { region }: Region,
  readerIn: (where: Region) => Reader,
): (() => Promise<boolean>) | undefined {
  if (region === 'custom') return undefined;
  return async () => {
    const reader = readerIn({ region: region === 'us' ? 'eu' : 'us' });
    try {
      return await isTaken(reader);
    } finally {
      await reader.close();
    }
  };
}

/** What a flag says, else what the person answers. */
async function answered<T>(
  person: Person | undefined,
  flag: string | undefined,
  question: Question<T>,
): Promise<T> {
  if (flag !== undefined || !person) return question.take(flag ?? question.otherwise ?? '');
  return person.ask(question);
}

/** `oncall init --list`: the names, and nothing else. */
async function list({ reader, warnings }: Opened, output: Output): Promise<ExitCode> {
  const places = await readPlaces(reader);
  output.result({ ...places, warnings }, placesInWords(places, Infinity));
  return exitCodes.done;
}

async function begin(session: Session, opened: Opened): Promise<ExitCode> {
  const { options, output, settings } = session;
  const { agent } = options;
  const { configFile, home } = settings;
  const { reader, region, credential, warnings } = opened;
  const places = await readPlaces(reader);
  if (places.services.length === 0)
    throw new OncallError(
      'PagerDuty shows no service to this key, so there is nothing to work on. Make a service, or take a key that sees one; then call this again.',
    );
  const scope = await chooseScope(session, places);
  const from = await chooseFrom(session, reader);
  const week = options.replay ? await replayed(session, reader, scope) : undefined;
  if (session.stop.aborted) throw new Stopped();
  const keyFile = resolve(options.keyFile ?? keyFileOf(home, agent));
  const day = new Date().toISOString().slice(0, 10);
  writeFirst({
    configFile,
    keyFile,
    textOf: (publicKey) => firstConfiguration({ region, credential, from, agent, scope, day }, publicKey),
  });
  const next = nextSteps({
    agent,
    keyFile,
    configFile: configFile === resolve('oncall.yaml') ? undefined : configFile,
    hasServer: settings.hasServer,
    incident: week?.newest,
  });
  output.result(
    { configFile, keyFile, agent, scope, warnings, lastWeek: week ?? null, next },
    [
      `${configFile} is written: one account, and ${agent}, which reads and writes notes. It names ${credential.ref}, and holds no key.`,
      `${agent}'s private key is in ${keyFile}; only the agent should read it.`,
      ...(week ? ['', weekInWords(week, agent)] : []),
      '',
      'Next:',
      ...next.flatMap(({ why, command }) => [`  ${why}:`, `    ${command}`]),
      `With a read-only key PagerDuty refuses ${agent}'s notes; put one that may write there once you want them.`,
    ].join('\n'),
  );
  return exitCodes.done;
}

async function chooseScope({ options, person, output }: Session, places: Places): Promise<Scope> {
  const wanted = wantedBy(options);
  if (!person || !isNothing(wanted)) return scopeOf(wanted, places);
  output.say(placesInWords(places));
  return person.ask({
    asks: `Whose incidents may ${options.agent} read and write notes on? Names of services parted by commas, “team NAME”, “policy NAME”, or all:`,
    take: (answer) => scopeOf(wantedIn(answer, places), places),
  });
}

/** The user whom writes are from: one that is there, and on call for nothing. */
const chooseFrom = async ({ options, person, output }: Session, reader: Reader): Promise<string> =>
  answered(person, options.from, {
    asks: 'Address of the PagerDuty user whom its notes are from; one of ours, on no schedule and no escalation policy:',
    take: async (address) => {
      const findings = await lookAtFrom({ name: 'main', now: Date.now }, reader, [{ default: address }]);
      for (const { of, what, mend } of findings) {
        if (of !== 'clocks')
          throw new OncallError(`${address} cannot be whom writes are from: ${what}. Mend: ${mend}.`);
        output.say(`Warning: ${what}. Mend: ${mend}.`);
      }
      return address;
    },
  });

async function replayed({ output }: Session, reader: Reader, scope: Scope): Promise<LastWeek> {
  output.say('Reading the incidents of the last week, and of the week before …');
  return lastWeek(reader, scope, Date.now());
}
