import { generate } from 'selfsigned';

/** A key and the certificate that it signed for itself, both PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate for this machine, good for a week: for clients that insist on https, who must be told to trust it. */
export async function createCertificate(now = new Date()): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    notBeforeDate: new Date(now.getTime() - 3_600_000),
    notAfterDate: new Date(now.getTime() + 7 * 24 * 3_600_000),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { key, cert };
}
