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
const options = { firstSeed: 1, httpSeeds: 1, otherSeeds: 1, parallel: 1, say: () => {} };

describe.concurrent('without any one part of the mechanism a named cell of the matrix turns red', () => {
  for (const [index, { what, plants, cells }] of mutants.entries()) {
    test(what, { timeout: 300_000 }, async () => {
      const tally = await playOn(server, `mutant-${index}`, { ...options, cells, plants });
      const fates = tally.cells.map((cell) => {
        const { fault, write, lost, doubled, unrecorded } = cell;
        const isRed = faultsOf(cell, 1).length > 0 && lost + doubled + unrecorded > 0;
        return `${fault}/${write}: ${isRed ? 'red' : 'green'}`;
      });
      expect(fates.toSorted()).toEqual(cells.map((cell) => `${cell}: red`).toSorted());
    });
  }
});
