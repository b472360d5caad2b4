import type { Done, ReadBackInput } from '../activities/index.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { attempt } from './attempt.ts';
import { activitiesOf, perform } from './proxies.ts';

/**
 * Looks whether a write that PagerDuty took stands, where its answer did not show it. Gives the write's sentence with what the
 * look found; a look that fails leaves it unverified, and stops nothing.
 */
export async function readBack(
  account: string,
  write: Omit<ReadBackInput, 'step'>,
  { verified, canReadBack, sentence }: Pick<Done<OperationName>, 'verified' | 'canReadBack' | 'sentence'>,
): Promise<{ readonly verified: boolean; readonly sentence: string }> {
  if (verified || !canReadBack) return { verified, sentence };
  const { look } = activitiesOf(account);
  const back = await attempt(perform(look.readBack, { step: `Read back ${write.of}`, ...write }));
  const found = back.ok ? back.sentence : `It could not be read back: ${back.sentence}`;
  return { verified: back.ok && back.verified, sentence: `${sentence} ${found}` };
}
