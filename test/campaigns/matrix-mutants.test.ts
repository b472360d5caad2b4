import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { playOn } from '../matrix/campaign.ts';
import { mutants } from '../matrix/mutants.ts';
import { type Server, startServer } from '../matrix/server.ts';
import { faultsOf } from '../matrix/tally.ts';

let server: Server;
beforeAll(async () => {
  const namespaces = mutants.map((_, index) => `mutant-${index}`);
  server = await startServer(namespaces, undefined, console.log);
});
afterAll(() => server?.kill());

/** One seed is enough: what is taken out is missing in every run. */
const options = { httpSeeds: 1, otherSeeds: 1, parallel: 1, say: () => {} };

/** How often a mutant that shows nothing is played: where the machine is too busy to look before a late effect, nothing can show. */
const mostGoes = 3;

describe.concurrent('without any one part of the mechanism a named cell of the matrix turns red', () => {
  for (const [index, { what, plants, cells }] of mutants.entries()) {
    test(what, { timeout: 300_000 }, async () => {
      const wanted = cells.map((cell) => `${cell}: red`).toSorted();
      let fates: readonly string[] = [];
      for (let firstSeed = 1; firstSeed <= mostGoes && fates.join() !== wanted.join(); firstSeed += 1) {
        const tally = await playOn(server, `mutant-${index}`, { ...options, firstSeed, cells, plants });
        fates = tally.cells
          .map((cell) => {
            const { fault, write, lost, doubled, unrecorded } = cell;
            const isRed = faultsOf(cell, 1).length > 0 && lost + doubled + unrecorded > 0;
            return `${fault}/${write}: ${isRed ? 'red' : 'green'}`;
          })
          .toSorted();
      }
      expect(fates).toEqual(wanted);
    });
  }
});
