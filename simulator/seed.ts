import { companyOf } from './data/company.ts';
import { Data } from './data/format.ts';
import { type Past, pastOf } from './data/past.ts';
import type { Company } from './model.ts';
import { seedData } from './seed-data.ts';

export { seedIds } from './seed-data.ts';

/** What a simulated account starts with. */
export interface Seed {
  readonly company: Company;
  /** What has happened already, from the oldest on. */
  readonly history: readonly Past[];
}

/** A company out of a data file. */
export const seedOf = (data: Data): Seed => ({ company: companyOf(data), history: pastOf(data) });

/** The company that is there where no other is given. */
export const createSeed = (): Seed => seedOf(Data.parse(seedData));
