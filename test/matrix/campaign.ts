import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faults, isHttp, type MatrixFault } from './faults.ts';
import type { Lot } from './place.ts';
import type { Plant } from './planted.ts';
import { type HttpFault, playHttp } from './play-http.ts';
import { type Server, startServer } from './server.ts';
import { type Stand, setStand } from './stand.ts';
import { type Cell, Tally } from './tally.ts';
import { writes } from './writes.ts';

export interface CampaignOptions {
  /** `fault/write`, with `*` for all of either; all cells where empty. */
  readonly cells: readonly string[];
  readonly firstSeed: number;
  /** Seeds a cell: of HTTP faults, and of all others. */
  readonly httpSeeds: number;
  readonly otherSeeds: number;
  /** How many faults are played at a time, each on a stand of its own. */
  readonly parallel: number;
  readonly say: (sentence: string) => void;
  /** Hears of cells once they are counted. */
  readonly played?: (cells: readonly Cell[]) => void;
  /** What is changed in the build, for proofs that a cell notices it. */
  readonly plants?: readonly Plant[];
}

const namespace = 'matrix';

/** A part of the campaign, on a server and a stand of its own. */
interface Part {
  readonly name: string;
  readonly play: (namespace: string, server: Server, tally: Tally) => Promise<void>;
}

/**
 * Plays every cell that is asked for and counts.
 * @throws Error where a name is that of no cell.
 */
export async function campaign(options: CampaignOptions): Promise<Tally> {
  const tally = new Tally();
  const folder = mkdtempSync(join(tmpdir(), 'oncall-matrix-server-'));
  const left = [...partsOf(options)];
  const work = async (): Promise<void> => {
    for (let part = left.shift(); part; part = left.shift()) {
      const began = Date.now();
      // A server is the slower, the more it holds.
      const db = part.name === 'server-killed' ? join(folder, 'server.db') : undefined;
      const server = await startServer([namespace], db, options.say);
      try {
        await part.play(namespace, server, tally);
      } finally {
        await server.kill();
      }
      options.say(`${part.name}: ${Math.round((Date.now() - began) / 1_000)} s`);
      const faultsOfPart = part.name.split(', ');
      options.played?.(tally.cells.filter(({ fault }) => faultsOfPart.includes(fault)));
    }
  };
  try {
    await Promise.all(Array.from({ length: options.parallel }, work));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tally;
}

/** Which writes of a fault are asked for. */
export function writesOf(fault: MatrixFault, cells: readonly string[]): Lot['writes'] {
  const possible = writes.filter(({ operation }) => !fault.only || fault.only.includes(operation));
  if (cells.length === 0) return possible;
  return possible.filter(({ operation }) =>
    cells.some((cell) => {
      const [faultName, write = '*'] = cell.split('/');
      return [fault.name, '*'].includes(faultName ?? '') && [operation, '*'].includes(write);
    }),
  );
}

/**
 * Plays cells on a server that is there already, one after the other.
 * @param namespace of its own.
 */
export async function playOn(server: Server, namespace: string, options: CampaignOptions): Promise<Tally> {
  const tally = new Tally();
  for (const part of partsOf(options)) await part.play(namespace, server, tally);
  return tally;
}

function partsOf({ cells, firstSeed, httpSeeds, otherSeeds, plants = [] }: CampaignOptions): readonly Part[] {
  for (const cell of cells) {
    if (!faults.some((fault) => writesOf(fault, [cell]).length > 0))
      throw new Error(`There is no cell ${cell}; --list names all.`);
  }
  const chosen = faults.flatMap((fault, code) => {
    const lot = { code, writes: writesOf(fault, cells), firstSeed };
    return lot.writes.length === 0 ? [] : [{ fault, lot }];
  });
  const http = chosen.filter(({ fault }) => fault.group === 'http');
  // With few seeds they are played on one stand; with many each has its own, which stays small enough to be quick.
  const httpParts = httpSeeds <= 5 ? [http] : http.map((one) => [one]);
  return [
    ...chosen.flatMap(({ fault, lot }) => {
      const { name, play } = fault;
      return play
        ? [
            {
              name,
              play: onStand(plants, (stand, tally, server) =>
                play(stand, { ...lot, seeds: otherSeeds }, tally, server),
              ),
            },
          ]
        : [];
    }),
    ...httpParts.flatMap((together): readonly Part[] => {
      const lots = new Map<HttpFault, Lot>();
      for (const { fault, lot } of together)
        if (isHttp(fault.name)) lots.set(fault.name, { ...lot, seeds: httpSeeds });
      return lots.size === 0
        ? []
        : [
            {
              name: [...lots.keys()].join(', '),
              play: onStand(plants, (stand, tally) => playHttp(stand, lots, tally)),
            },
          ];
    }),
  ];
}

type OnStand = (stand: Stand, tally: Tally, server: Server) => Promise<void>;

const onStand =
  (plants: readonly Plant[], play: OnStand): Part['play'] =>
  async (namespace, server, tally) => {
    const stand = await setStand(server.address, namespace, plants);
    try {
      await play(stand, tally, server);
    } finally {
      await stand.close();
    }
  };
