import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { Encryption, KeyRing } from '../../gate/encryption.ts';
import { EncryptionCodec, keyIdOf } from '../../gate/payload-codec.ts';
import { sweepScheduleId } from '../../workflows/contract.ts';
import { type Finding, some } from './finding.ts';
import { rawSchedule } from './raw-schedule.ts';

/** How many sweeps are looked at for the last that a Worker wrote something in. */
const mostSweeps = 5;

/** What a Worker did last, as the server keeps it. */
interface Evidence {
  /** As Temporal names it: `PROCESS@MACHINE`. */
  readonly worker: string;
  readonly run: string;
  /** What it wrote; absent where it could not go on. */
  readonly wrote?: Payload;
  /** What it was to read. */
  readonly read: Payload;
}

/**
 * Whether Workers encrypt as we do. A Worker sweeps every minute: what it wrote in its last sweep says which key it has, and whether that
 * is ours, without anybody telling a key.
 */
export async function lookAtWorkersKeys(
  client: Client,
  accounts: readonly string[],
  { encryption, ring }: { readonly encryption: Encryption | undefined; readonly ring: KeyRing },
): Promise<readonly Finding[]> {
  const findings = await Promise.all(
    accounts.map(async (account) => {
      const evidence = await lastWritten(client, account);
      return evidence && differing(evidence, encryption, ring);
    }),
  );
  // Accounts share their Workers.
  const byWords = new Map(findings.flatMap((finding) => (finding ? [[finding.what, finding]] : [])));
  return [...byWords.values()];
}

async function differing(
  { worker, run, wrote, read }: Evidence,
  encryption: Encryption | undefined,
  ring: KeyRing,
): Promise<Finding | undefined> {
  const current = encryption?.current;
  const ours = current === undefined ? 'writes plain' : `encrypts with ${current}`;
  const known = Object.keys(encryption?.keys ?? {});
  const here = known.length === 0 ? 'names no key' : `names ${some(known)}`;
  const of = 'encryption';
  const restart =
    'start every process anew with the same section encryption, that Worker too; docs/encryption.md says in which order';
  if (!wrote) {
    const key = keyIdOf(read);
    if (key === undefined) return undefined;
    return {
      of,
      what: `the Worker ${worker} does not come on with ${run}, whose input is encrypted with ${key}`,
      mend: `let its configuration name ${key} with the same 32 bytes as before, and start it anew; its log says what it lacks`,
    };
  }
  const key = keyIdOf(wrote);
  if (key === undefined) {
    if (current === undefined) return undefined;
    return { of, what: `the Worker ${worker} writes plain, and this configuration ${ours}`, mend: restart };
  }
  if (!ring.keys.has(key))
    return {
      of,
      what: `the Worker ${worker} encrypts with ${key}, which cannot be read here: this configuration ${here}`,
      mend: `name ${key} under encryption.keys here too, with the same 32 bytes; or ${restart}`,
    };
  const opens = await new EncryptionCodec(ring).decode([wrote]).then(
    () => true,
    () => false,
  );
  if (!opens)
    return {
      of,
      what: `the Worker ${worker} has another key under the id ${key} than this process: neither reads what the other wrote`,
      mend: `give both the same 32 bytes for ${key}, those that wrote the runs that are open; a new key gets an id of its own`,
    };
  if (key === current) return undefined;
  return {
    of,
    what: `the Worker ${worker} encrypts with ${key}, and this configuration ${ours}`,
    mend: restart,
  };
}

/** What a Worker wrote last in a sweep of an account, as far as the server still has it. */
async function lastWritten(client: Client, account: string): Promise<Evidence | undefined> {
  const { info } = (await rawSchedule(client, sweepScheduleId(account))) ?? {};
  const sweeps = (info?.recentActions ?? []).toReversed().slice(0, mostSweeps);
  for (const { startWorkflowResult: run } of sweeps) {
    const { workflowId, runId } = run ?? {};
    if (!workflowId || !runId) continue;
    const evidence = await evidenceIn(client, { workflowId, runId });
    if (evidence) return evidence;
  }
  return undefined;
}

async function evidenceIn(
  client: Client,
  execution: { readonly workflowId: string; readonly runId: string },
): Promise<Evidence | undefined> {
  const { namespace } = client.options;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({ namespace, execution });
  const events = history?.events ?? [];
  const [first] = events;
  const read = first?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  if (!read) return undefined;
  let worker: string | undefined;
  for (const event of events.slice(1)) {
    worker = event.workflowTaskCompletedEventAttributes?.identity ?? worker;
    const wrote = event.activityTaskScheduledEventAttributes?.input?.payloads?.[0];
    if (wrote && worker !== undefined) return { worker, run: execution.workflowId, read, wrote };
  }
  const failed = events.find((event) => event.workflowTaskFailedEventAttributes);
  const by = failed?.workflowTaskFailedEventAttributes?.identity;
  return by ? { worker: by, run: execution.workflowId, read } : undefined;
}
