import type { Client } from '@temporalio/client';
import type proto from '@temporalio/proto';
import { EncryptionCodec } from '../gate/payload-codec.ts';

type Payload = proto.temporal.api.common.v1.IPayload;
type Failure = proto.temporal.api.failure.v1.IFailure;
type Converting = Pick<Client, 'options'>;

/** A payload's value, through the client's codecs. */
export async function decoded({ options }: Converting, payload: Payload): Promise<unknown> {
  const { payloadConverter, payloadCodecs } = options.loadedDataConverter;
  let payloads = [payload];
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  return payloadConverter.fromPayload(payloads[0] ?? payload);
}

/** The value of a payload, where there is one that can be read: for what is told beside other things. */
export async function readable(client: Converting, payload: Payload | null | undefined): Promise<unknown> {
  try {
    return payload ? await decoded(client, payload) : undefined;
  } catch {
    return undefined;
  }
}

/** What a failure says, whether or not it was encrypted; its own readable words where nothing here can read more. */
export async function saidBy(
  client: Converting,
  failure: Failure | null | undefined,
): Promise<string | undefined> {
  const { message } = ((await readable(client, failure?.encodedAttributes)) ?? {}) as {
    readonly message?: unknown;
  };
  return typeof message === 'string' ? message : (failure?.message ?? undefined);
}

/** Whether what a client writes is encrypted. */
export const encrypts = ({ options }: Converting): boolean =>
  options.loadedDataConverter.payloadCodecs.some(
    (codec) => codec instanceof EncryptionCodec && codec.encrypts,
  );
