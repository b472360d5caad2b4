import { writeFileSync } from 'node:fs';
import {
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { generate } from 'selfsigned';

/** Stands before a Temporal server as a cluster with TLS or the hosted service does: who it lets in must show what it asks for. */
export interface TlsFront {
  /** `localhost:PORT`. */
  readonly address: string;
  /** Names of the certificates that clients showed, and the `authorization` that they sent. */
  readonly seen: { readonly names: Set<string>; readonly authorizations: Set<string> };
  readonly close: () => Promise<void>;
}

/** Files in PEM: of who vouches for servers and clients, and of two clients, one of whom nobody vouches for. */
export interface Certificates {
  readonly authority: string;
  readonly client: { readonly cert: string; readonly key: string };
  readonly stranger: { readonly cert: string; readonly key: string };
  readonly server: { readonly cert: string; readonly key: string };
}

interface Made {
  readonly cert: string;
  readonly private: string;
}

/** Makes certificates in a folder. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const named = (name: string) => [{ name: 'commonName', value: name }];
  const authorityOf = (name: string): Promise<Made> =>
    generate(named(name), {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
  const signedBy = (ca: Made, name: string, use: 'serverAuth' | 'clientAuth'): Promise<Made> =>
    generate(named(name), {
      keyType: 'ec',
      algorithm: 'sha256',
      ca: { cert: ca.cert, key: ca.private },
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        { name: 'extKeyUsage', [use]: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
      ],
    });
  const authority = await authorityOf('the authority');
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const pair = (name: string, { cert, private: key }: Made) => ({
    cert: write(`${name}.crt`, cert),
    key: write(`${name}.key.pem`, key),
  });
  return {
    authority: write('authority.crt', authority.cert),
    client: pair('client', await signedBy(authority, 'oncall.example.com', 'clientAuth')),
    stranger: pair('stranger', await signedBy(await authorityOf('another'), 'stranger', 'clientAuth')),
    server: pair('server', await signedBy(authority, 'localhost', 'serverAuth')),
  };
}

/** gRPC's word for who has not said who they are. */
const unauthenticated = 16;

/**
 * Starts a front.
 * @param target `HOST:PORT` of the server.
 * @param asks whose certificates it lets in, or the API key that must come as a bearer.
 */
export async function startTlsFront(
  target: string,
  { cert, key }: { readonly cert: string; readonly key: string },
  asks: { readonly clientsOf: string } | { readonly apiKey: string },
): Promise<TlsFront> {
  const seen = { names: new Set<string>(), authorizations: new Set<string>() };
  const far = connect(`http://${target}`);
  far.on('error', () => {});
  const server = createSecureServer({
    cert,
    key,
    ...('clientsOf' in asks && { ca: asks.clientsOf, requestCert: true, rejectUnauthorized: true }),
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    const name = (session.socket as TLSSocket).getPeerCertificate().subject?.CN;
    if (typeof name === 'string') seen.names.add(name);
    session.on('error', () => {});
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    const { authorization } = headers;
    if (authorization !== undefined) seen.authorizations.add(authorization);
    if ('apiKey' in asks && authorization !== `Bearer ${asks.apiKey}`) {
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc',
          'grpc-status': unauthenticated,
          'grpc-message': 'Request unauthorized.',
        },
        { endStream: true },
      );
      return;
    }
    pass(stream, headers);
  });
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  function pass(near: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const call = far.request({ ...headers, ':scheme': 'http', ':authority': target } as OutgoingHttpHeaders);
    let trailers: IncomingHttpHeaders = {};
    call.on('error', () => near.destroy());
    near.on('close', () => call.close());
    call.on('trailers', (came: IncomingHttpHeaders) => {
      trailers = came;
    });
    call.on('response', (came: IncomingHttpHeaders, flags: number) => {
      if (near.destroyed) return;
      const isOver = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      near.respond(came as OutgoingHttpHeaders, isOver ? { endStream: true } : { waitForTrailers: true });
      if (isOver) return;
      near.on('wantTrailers', () => near.sendTrailers(trailers as OutgoingHttpHeaders));
      call.pipe(near);
    });
    near.pipe(call);
  }

  return {
    address: `localhost:${(server.address() as AddressInfo).port}`,
    seen,
    close: async () => {
      far.destroy();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}
