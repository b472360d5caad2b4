import { createHmac } from 'node:crypto';

/** The value of `X-PagerDuty-Signature`: one HMAC-SHA256 of the body's bytes for each secret, in lower-case hex. */
export const signatureOf = (body: string, secrets: readonly string[]): string =>
  secrets.map((secret) => `v1=${createHmac('sha256', secret).update(body).digest('hex')}`).join(',');
