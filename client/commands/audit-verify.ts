import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { readPublicKey } from '../../gate/audit-head.ts';
import { type VerifyOptions, verifyAudit } from '../audit-verify.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { connect } from '../connect.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { headsFile, readHeadsFile } from '../heads-file.ts';
import type { Output } from '../output.ts';
import { inStore } from '../store.ts';

export interface AuditVerifyOptions {
  readonly head?: string;
  readonly publicKey?: string;
  /** Commander's word for `--no-histories`. */
  readonly histories: boolean;
}

/** `oncall audit verify`: is the record whole, and if not, which record is the first false one? */
export async function verify(options: AuditVerifyOptions, output: Output): Promise<ExitCode> {
  const heads = headsOf(options, output.say);
  return inStore(clientSettings(), async (store) => {
    const client = options.histories ? await server(output.say) : undefined;
    try {
      const report = await verifyAudit(store, { client, heads, say: output.say });
      output.result(report, report.sentence);
      return report.whole ? exitCodes.done : exitCodes.failed;
    } finally {
      await client?.connection.close();
    }
  });
}

/**
 * The server with the histories; nothing where none is meant to be there.
 * @throws OncallError where the environment names one and it does not answer.
 */
async function server(say: Output['say']): Promise<Client | undefined> {
  const temporal = temporalSettings();
  try {
    return await connect(temporal, 'audit verify');
  } catch (error) {
    if (!(error instanceof OncallError)) throw error;
    if (temporal.connectionOptions.address !== undefined)
      throw new OncallError(`${error.message} To verify without the histories, say --no-histories.`);
    say('No Temporal server is named and none answers here: the histories of the runs are not compared.');
    return undefined;
  }
}

function headsOf({ head, publicKey }: AuditVerifyOptions, say: Output['say']): VerifyOptions['heads'] {
  const file = head ?? headsFile(clientSettings().home);
  if (publicKey === undefined) {
    if (head !== undefined) throw new UsageError('Who signed the heads? Say --public-key beside --head.');
    if (existsSync(file))
      say(`The signed heads in ${file} are not compared; --public-key says who signs them.`);
    return undefined;
  }
  const text = readHeadsFile(file);
  // Who takes the file away must not be better off than who forges it.
  if (!text?.trim())
    throw new OncallError(
      `${file} holds no signed head; make the first with \`oncall audit sign-head\`, or leave --public-key out.`,
    );
  return { file, text, key: keyOf(publicKey) };
}

/** The key as it stands in the configuration, or a file that holds it. */
function keyOf(publicKey: string): KeyObject {
  try {
    return readPublicKey(existsSync(publicKey) ? readFileSync(publicKey, 'utf8') : publicKey);
  } catch {
    throw new UsageError(
      '--public-key takes an Ed25519 public key: 43 characters as in oncall.yaml, or a file with these or a PEM.',
    );
  }
}
