import { Agent } from 'undici';
import { type Connection, hosts, send } from './http.ts';

/** Whom to tell, and over which routing key: nothing of the configuration, which may be what is broken. */
export interface Line {
  readonly routingKey: string;
  /** PagerDuty's in the US where absent. */
  readonly eventsUrl?: string | undefined;
}

/** What people are told when the runner is down. */
export interface Outage {
  readonly summary: string;
  /** The machine that looked. */
  readonly source: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** One outage is one alert, however often it is told. */
const outageKey = 'oncall-runner-down';

/** What a summary may hold. */
const mostCharacters = 1_024;

/**
 * Opens the alert. While it is open, to open it again changes nothing and pages nobody.
 * @throws PagerDutyError where PagerDuty did not take it, or nobody knows whether it did: it may be told again.
 */
export async function tellDown(line: Line, { summary, source, details }: Outage): Promise<void> {
  const payload = {
    summary: summary.slice(0, mostCharacters),
    source,
    severity: 'critical',
    component: 'oncall-runner',
    custom_details: details,
  } as const;
  await tell(line, { event_action: 'trigger', dedup_key: outageKey, payload });
}

/**
 * Resolves the alert. Where none is open PagerDuty takes it, and nothing happens.
 * @throws PagerDutyError as above.
 */
export async function tellUp(line: Line): Promise<void> {
  await tell(line, { event_action: 'resolve', dedup_key: outageKey });
}

async function tell(
  { routingKey, eventsUrl = hosts.us.events }: Line,
  body: Parameters<typeof send<'enqueueEvent'>>[2]['body'],
): Promise<void> {
  const dispatcher = new Agent({ connect: { timeout: 3_000 } });
  const connection: Connection = {
    restUrl: '',
    eventsUrl,
    authorization: '',
    from: {},
    routingKeys: new Map([['watchdog', routingKey]]),
    dispatcher,
  };
  try {
    await send(connection, 'enqueueEvent', { routingKey: 'watchdog', body });
  } finally {
    // The connection is kept open for nobody.
    await dispatcher.destroy();
  }
}
