/** What the settings of Temporal's own, in the environment and `temporal.toml`, can be told to lack. Never repeats a value of a key. */

/** Why they cannot be read, in a sentence with the mend. */
export function unreadableSettings(error: unknown, env: NodeJS.ProcessEnv): string {
  const { code, path } = (error ?? {}) as { readonly code?: string; readonly path?: string };
  const file = env['TEMPORAL_CONFIG_FILE'] ?? 'temporal.toml in your configuration folder';
  if (code !== undefined && path !== undefined && path !== env['TEMPORAL_CONFIG_FILE'])
    return `Temporal's own settings name the file ${path}, which cannot be read (${code}): a certificate, its key, or who vouches for the server.`;
  const profile = env['TEMPORAL_PROFILE'] ?? 'default';
  // Where the file has no profile at all, the reader's own words are of no use.
  const why = error instanceof TypeError || !(error instanceof Error) ? '' : ` (${error.message})`;
  return `Temporal's own settings in ${file} cannot be used${why}. They need a section [profile.${profile}]; or name another file by TEMPORAL_CONFIG_FILE.`;
}

/** What the connection's own words say of who is kept out; in most of them that is the only place. */
const kept: readonly (readonly [words: RegExp, why: string])[] = [
  [/UNAUTHENTICATED|valid authentication credentials/i, 'it does not know our key or certificate'],
  [/PERMISSION_DENIED|does not have permission/i, 'it knows us, and lets us do nothing'],
  [/InvalidContentType|wrong version number|packet length/i, 'it speaks no TLS'],
  [/alert|CertificateRequired|UnknownCA/i, 'it trusts no certificate of ours'],
  [
    /InvalidCertificate|certificate|issuer|altnames/i,
    'nobody whom we trust vouches for its certificate, or it is another’s',
  ],
];

/**
 * Why a server that is there does not let us in; `undefined` where it may as well be away.
 * @param isSecure whether we speak TLS: whom the server does not trust then, it hangs up on.
 */
export function whyKeptOut(words: string, isSecure: boolean): string | undefined {
  const [, why] = kept.find(([pattern]) => pattern.test(words)) ?? [];
  if (why !== undefined || !isSecure) return why;
  return /ECONNRESET|reset|BrokenPipe|EPIPE|closed|dropped|hang up|error: Failed to connect/i.test(words)
    ? 'it hung up: it trusts no certificate of ours, or speaks no TLS'
    : undefined;
}

/** That a server cannot be worked with, and the mend. */
export const notConnected = (address: string, why: string | undefined): string =>
  why === undefined
    ? `No Temporal server answers at ${address}. Start one with \`oncall temporal\` or \`oncall dev\`, or set TEMPORAL_ADDRESS to yours.`
    : `The Temporal server at ${address} does not let us in: ${why}. ${mendKeptOut}.`;

/** What settles who we are and whom we trust. */
export const mendKeptOut =
  'TEMPORAL_API_KEY, or TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH, say who we are; ' +
  'TEMPORAL_TLS and TEMPORAL_TLS_SERVER_CA_CERT_PATH whom we trust';
