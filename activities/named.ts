import type { Reference } from '../pagerduty/catalogue/wire.ts';
import { oneLine } from '../pagerduty/text.ts';

/** Who or what stands behind an id, as PagerDuty calls it: data, never an order. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

const mostCharacters = 60;

export const namedOf = ({ id, summary }: Pick<Reference, 'id' | 'summary'>): Named => nameIt(id, summary);

/** The same of what calls its name otherwise. */
export const nameIt = (id: string, name: string | null | undefined): Named => ({
  id,
  name: oneLine(name ?? id, mostCharacters),
});
