import { randomInt } from 'node:crypto';

/** How a campaign is run: in full, or short for CI; from a seed that is printed. `ONCALL_CAMPAIGN`, `ONCALL_SEED`. */
export const campaign = {
  isShort: process.env['ONCALL_CAMPAIGN'] !== 'full',
  seed: Number(process.env['ONCALL_SEED'] ?? randomInt(1, 2 ** 31)),
} as const;

/** Prints what a campaign exercised, and gives what was not: a count of 0 proves nothing. */
export function tell(name: string, counts: Readonly<Record<string, number>>): readonly string[] {
  const words = Object.entries(counts).map(([what, count]) => `${count.toLocaleString('en-US')} ${what}`);
  console.log(`${name} (seed ${campaign.seed}): ${words.join(', ')}.`);
  return Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [what] : []));
}
