import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server that can be closed: what is behind it is then away. */
export interface Proxy {
  readonly address: string;
  /** Nothing listens any more, and whoever was connected is cut off. */
  readonly refuse: () => Promise<void>;
  /** Connections stay, and nothing comes through. */
  readonly stall: () => void;
  /** All is well again. */
  readonly pass: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** @param target `HOST:PORT`. */
export async function startProxy(target: string): Promise<Proxy> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  let isStalled = false;
  const server = createServer((near) => {
    const far = connect({ host, port: Number(port) });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!isStalled) to.write(bytes);
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port: own } = server.address() as AddressInfo;
  const refuse = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };
  return {
    address: `127.0.0.1:${own}`,
    refuse,
    stall: () => {
      isStalled = true;
    },
    pass: async () => {
      // What was lost on the way would leave a connection that understands nothing any more.
      if (isStalled) cut();
      isStalled = false;
      if (!server.listening) await once(server.listen(own, '127.0.0.1'), 'listening');
    },
    close: refuse,
  };
}
