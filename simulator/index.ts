import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Parts } from './answer.ts';
import { isOff, slidingWindow } from './budget.ts';
import { type BudgetOptions, Budgets } from './budgets.ts';
import { Clock } from './clock.ts';
import { type Fault, Faults } from './faults.ts';
import { Holds } from './holds.ts';
import { KeyMask } from './key-mask.ts';
import { RequestLog } from './request-log.ts';
import { createSeed, type Seed } from './seed.ts';
import { createApp } from './server.ts';
import type { Certificate } from './tls.ts';
import { Deliveries } from './webhooks/deliveries.ts';
import { Sender } from './webhooks/sender.ts';
import { World, type WorldOptions } from './world.ts';

export interface SimulatorOptions extends WorldOptions, BudgetOptions {
  /** 0 takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Events in any 60 simulated seconds, per routing key; 120, or off where `rateLimit` is off. */
  readonly eventsRateLimit?: number;
  /** Simulated seconds in a real one; 1. 0 stands still: only `world.clock.advance` and the control endpoint move it. */
  readonly clockSpeed?: number;
  /** The first instant; the real one where absent. */
  readonly now?: Date;
  readonly seed?: Seed;
  readonly faults?: readonly Fault[];
  /** Real milliseconds that a webhook receiver has to answer; 5,000, as PagerDuty's. */
  readonly webhookTimeoutMs?: number;
  /** Speaks https, with this certificate. */
  readonly tls?: Certificate;
}

export interface Simulator {
  /** Of both APIs, REST and Events, and of the control endpoint under `/_simulator`. */
  readonly url: string;
  /** For tests in this process; its `clock.advance` lets time pass. */
  readonly world: World;
  /** Webhooks on their way. */
  readonly deliveries: Deliveries;
  /** Answers that a fault holds back. */
  readonly holds: Holds;
  /** What was asked and answered. */
  readonly requests: RequestLog;
  /** Ends at once, answered or not. Nothing is left running. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a PagerDuty on this machine.
 * @throws the system's own error where it cannot listen, e.g. `EADDRINUSE`.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1' } = options;
  const parts = createParts(options);
  const server = createAdaptorServer({
    fetch: createApp(parts).fetch,
    overrideGlobalObjects: false,
    ...(options.tls && { createServer: createTlsServer, serverOptions: options.tls }),
  }) as Server;
  try {
    const address = await listen(server, port, host);
    return {
      url: `${options.tls ? 'https' : 'http'}://${address.family === 'IPv6' ? `[${host}]` : host}:${address.port}`,
      world: parts.world,
      deliveries: parts.deliveries,
      holds: parts.holds,
      requests: parts.requests,
      close: () => close(parts, server),
    };
  } catch (error) {
    parts.world.clock.stop();
    throw error;
  }
}

function createParts(options: SimulatorOptions): Parts {
  const { rateLimit = 960, now = new Date(), webhookTimeoutMs = 5_000 } = options;
  const { eventsRateLimit = isOff(rateLimit) ? 0 : 120 } = options;
  const faults = new Faults();
  for (const fault of options.faults ?? []) faults.add(fault);
  const world = createWorld(now.getTime(), options);
  return {
    world,
    budgets: new Budgets(options),
    eventsLimit: isOff(eventsRateLimit) ? undefined : slidingWindow(eventsRateLimit, 60),
    faults,
    holds: new Holds(),
    requests: new RequestLog(),
    mask: new KeyMask(world),
    deliveries: new Deliveries(world, new Sender(webhookTimeoutMs)),
  };
}

/** A world with its past played up to an instant, by the rules of the present. */
export function createWorld(
  now: number,
  { seed = createSeed(), clockSpeed = 1, ...options }: SimulatorOptions,
): World {
  const instantOf = ({ minutesAgo }: Seed['history'][number]) => now - minutesAgo * 60_000;
  const [oldest] = seed.history;
  const clock = new Clock({ start: oldest ? instantOf(oldest) : now, speed: clockSpeed });
  const world = new World(seed.company, clock, options);
  for (const past of seed.history) {
    clock.moveTo(instantOf(past));
    past.happen(world);
  }
  clock.moveTo(now);
  return world;
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

function close({ world, deliveries }: Parts, server: Server): Promise<void> {
  world.clock.stop();
  deliveries.close();
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
