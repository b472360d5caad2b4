import { type AuditRecord, entryOfNoRun } from '../../gate/audit.ts';
import { digestOf } from '../../gate/canonical.ts';
import { nobody } from '../../gate/runner.ts';
import { oneLine } from '../../pagerduty/text.ts';

/** Why a front door let nobody in. */
export interface Refusal {
  /** Which check refused: the rule of the entry. */
  readonly rule: 'host' | 'origin' | 'token' | 'front door' | 'rate' | 'link' | 'form' | 'session';
  /** Whose token it was, where that is known. */
  readonly agent?: string | undefined;
  /** Follows "may not call: ". */
  readonly why: string;
}

/** Writes down what a front door refused. In a flood the first is written at once, and then how many more there were. */
export interface Refusals {
  readonly note: (refusal: Refusal) => Promise<void>;
  /** Writes down what was counted so far. */
  readonly close: () => Promise<void>;
}

interface Flood {
  readonly refusal: Refusal;
  readonly since: string;
  more: number;
  readonly timer: NodeJS.Timeout;
}

export interface RefusalsOptions {
  /** Writes a record down. */
  readonly write: (record: AuditRecord) => Promise<unknown>;
  readonly door: string;
  readonly account: string;
  /** Digest of the configuration, as it is now. */
  readonly configuration: () => string;
  readonly told: (error: unknown) => void;
  /** How long refusals of one kind are counted together, in milliseconds; 10,000. */
  readonly windowMs?: number;
}

export function refusalsIn({ windowMs = 10_000, ...where }: RefusalsOptions): Refusals {
  const floods = new Map<string, Flood>();
  // One after the other: a flood must not hold the store's lock in many hands.
  let writing: Promise<void> = Promise.resolve();

  function put(refusal: Refusal, more?: { readonly count: number; readonly since: string }): Promise<void> {
    writing = writing.then(async () => {
      try {
        await where.write(recordOf(where, refusal, more));
      } catch (error) {
        // It is refused all the same; that it could not be written down is for whoever runs the door.
        where.told(error);
      }
    });
    return writing;
  }

  async function end(key: string): Promise<void> {
    const flood = floods.get(key);
    if (!flood) return;
    floods.delete(key);
    clearTimeout(flood.timer);
    if (flood.more > 0) await put(flood.refusal, { count: flood.more, since: flood.since });
  }

  return {
    note: async (refusal) => {
      const key = `${refusal.rule} ${refusal.agent ?? ''}`;
      const flood = floods.get(key);
      if (flood) {
        flood.more += 1;
        return;
      }
      const timer = setTimeout(() => void end(key), windowMs).unref();
      floods.set(key, { refusal, since: new Date().toISOString(), more: 0, timer });
      await put(refusal);
    },
    close: async () => {
      await Promise.all([...floods.keys()].map(end));
      await writing;
    },
  };
}

function recordOf(
  { door, account, configuration }: RefusalsOptions,
  { rule, agent, why }: Refusal,
  more?: { readonly count: number; readonly since: string },
): AuditRecord {
  const who = `${agent ?? nobody} via ${door}`;
  const sentence = more
    ? `${who} may not call: ${more.count} more such requests were refused since ${more.since.slice(0, 19)}Z (${oneLine(why, 200)}).`
    : `${who} may not call: ${oneLine(why, 200)}.`;
  return entryOfNoRun({
    agent: agent ?? nobody,
    via: door,
    account,
    step: 'front door',
    configuration: configuration(),
    operation: 'front_door.request',
    decision: 'denied',
    rule,
    sentence,
    requestDigest: digestOf([rule, agent ?? nobody]),
  });
}
