import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Stamp } from '../../gate/audit.ts';
import { readHeads, signHead } from '../../gate/audit-head.ts';
import { chainEnd, hashesAt, rows } from '../../gate/audit-rows.ts';
import type { Store } from '../../gate/audit-store.ts';
import { walk } from '../../gate/audit-verify.ts';
import { readPrivateKey } from '../../gate/statement.ts';
import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { addHead, headsFile, readHeadsFile } from '../heads-file.ts';
import type { Output } from '../output.ts';
import { inStore } from '../store.ts';

export interface SignHeadOptions {
  readonly keyFile: string;
  readonly head?: string;
}

/**
 * `oncall audit sign-head`: signs where the chain ends now. Walks what came since the last signed head first, so that nothing
 * false is ever signed on top of something true.
 */
export async function signAuditHead(options: SignHeadOptions, output: Output): Promise<ExitCode> {
  const key = readKey(options.keyFile);
  const file = options.head ?? headsFile(clientSettings().home);
  const text = readHeadsFile(file);
  const { heads } = readHeads(text ?? '', createPublicKey(key));
  const signed = heads.reduce<Stamp>((last, head) => (head.seq > last.seq ? head : last), {
    seq: 0,
    hash: '',
  });
  return inStore(clientSettings(), async (store) => {
    const head = await checked(store, signed);
    if (head.seq === signed.seq) {
      output.result(
        { signed: false, ...head },
        `Nothing to sign: #${head.seq} is the last record, and signed.`,
      );
      return exitCodes.done;
    }
    const line = signHead(head, key);
    addHead(file, line, text);
    output.result({ signed: true, ...line, file }, `The head is signed at #${line.seq}, in ${file}.`);
    return exitCodes.done;
  });
}

/** The end of the chain, if all that came since the last signed head follows from it. */
async function checked(store: Store, signed: Stamp): Promise<Stamp> {
  const refuse = (sentence: string): never => {
    throw new OncallError(`${sentence} Nothing was signed; \`oncall audit verify\` tells more.`);
  };
  if (signed.seq > 0 && (await hashesAt(store, [signed.seq])).get(signed.seq) !== signed.hash)
    refuse(`Record #${signed.seq} is not the one that was signed, or one before it is not.`);
  const end = await chainEnd(store);
  for await (const { sentence } of walk(rows(store, { after: signed.seq, upTo: end.last }), end, signed))
    refuse(sentence);
  return end.head ?? signed;
}

function readKey(file: string): KeyObject {
  try {
    return readPrivateKey(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof TypeError ? 'holds no Ed25519 private key in PEM' : 'cannot be read';
    throw new UsageError(`The key file ${file} ${why}; --key-file takes the operator's own.`);
  }
}
