import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What becomes of a message to PostgreSQL. `lose`: the connection ends before it arrives. `lose the answer`: it arrives, is carried
 * out, and the connection ends before its answer. `hold`: from now on nothing goes through either way, and nothing ends.
 */
export type Fate = 'pass' | 'lose' | 'lose the answer' | 'hold';

/** A line to PostgreSQL that can be cut at any message. */
export interface PostgresProxy {
  readonly port: number;
  /** Decides on the statements that are sent; all pass unless a test says otherwise. */
  fate: (statement: string) => Fate;
  /** Whether new connections are taken at all. */
  isOpen: boolean;
  /** Cuts all lines. */
  readonly cut: () => void;
  readonly close: () => void;
}

/** Starts a proxy on 127.0.0.1 before the PostgreSQL that listens on a port there. */
export async function startProxy(to: number): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    if (!proxy.isOpen) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(to, '127.0.0.1');
    let isHeld = false;
    let answerIsLost = false;
    const end = (): void => {
      if (isHeld) return;
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    const messages = reader();
    near.on('data', (chunk) => {
      for (const { bytes, statement } of messages(chunk)) {
        if (isHeld) return;
        const fate = statement === undefined ? 'pass' : proxy.fate(statement);
        isHeld = fate === 'hold';
        answerIsLost ||= fate === 'lose the answer';
        if (fate === 'lose') end();
        if (fate === 'pass' || fate === 'lose the answer') far.write(bytes);
      }
    });
    far.on('data', (chunk) => {
      // PostgreSQL answers a commit once it is done.
      if (answerIsLost) end();
      else if (!isHeld) near.write(chunk);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const proxy: PostgresProxy = {
    port: (server.address() as AddressInfo).port,
    fate: () => 'pass',
    isOpen: true,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return proxy;
}

interface Message {
  readonly bytes: Buffer;
  /** The text of a message that carries one. */
  readonly statement?: string;
}

/** Takes what a client sends apart: each message has a letter and a length, but the first. */
function reader(): (chunk: Buffer) => readonly Message[] {
  let rest = Buffer.alloc(0);
  let isFirst = true;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const found: Message[] = [];
    for (;;) {
      const head = isFirst ? 0 : 1;
      if (rest.length < head + 4) return found;
      const size = head + rest.readInt32BE(head);
      if (rest.length < size) return found;
      const bytes = rest.subarray(0, size);
      rest = rest.subarray(size);
      // "Q", a statement; "P", a statement that is prepared, after its name.
      const letter = isFirst ? '' : String.fromCharCode(bytes[0] ?? 0);
      isFirst = false;
      const text = bytes
        .subarray(head + 4)
        .toString('utf8')
        .replace(/\0$/, '');
      if (letter === 'Q') found.push({ bytes, statement: text });
      else if (letter === 'P') found.push({ bytes, statement: text.split('\0')[1] ?? '' });
      else found.push({ bytes });
    }
  };
}
