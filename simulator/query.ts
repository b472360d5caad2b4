import { Refusal } from './refusal.ts';
import { instantOf } from './times.ts';

/** What a list may return, at most, and from where on. */
export interface Page {
  readonly limit: number;
  readonly offset: number;
  readonly total: boolean;
}

/** A query string, read as PagerDuty reads it: names it does not know are never asked for, so they are ignored. */
export class Query {
  readonly #params: URLSearchParams;

  constructor(params: URLSearchParams) {
    this.#params = params;
  }

  text(name: string): string | undefined {
    return this.#params.get(name) || undefined;
  }

  /** The values of a filter such as `statuses[]`; none where it is not set. */
  values(name: `${string}[]`): readonly string[] {
    return this.#params.getAll(name);
  }

  /** What a filter such as `statuses[]` lets pass: things that have one of its values, or everything where it is not set. */
  filter(name: `${string}[]`): (...has: readonly string[]) => boolean {
    const wanted = new Set(this.values(name));
    return (...has) => wanted.size === 0 || has.some((value) => wanted.has(value));
  }

  includes(what: string): boolean {
    return this.values('include[]').includes(what);
  }

  flag(name: string): boolean {
    return ['true', '1'].includes(this.#params.get(name) ?? '');
  }

  /** @throws Refusal 2004 for what is no date. */
  instant(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const instant = instantOf(text);
    if (instant === undefined) throw new Refusal(2004, `${name} is not a date and time in ISO 8601.`);
    return instant;
  }

  /** More than 100 at once counts as 100. @throws Refusal 2002 past record 10,000. */
  page(): Page {
    const limit = Math.min(this.#count('limit', 25, 1), 100);
    const offset = this.#count('offset', 0, 0);
    if (offset + limit > 10_000) {
      throw new Refusal(
        2002,
        'Offset+limit exceeds maximum allowed value of 10000. Please try to refine your search to reduce the returned set of records below this number, like adding a date range.',
      );
    }
    return { limit, offset, total: this.flag('total') };
  }

  #count(name: string, otherwise: number, least: number): number {
    const text = this.text(name) ?? String(otherwise);
    if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
    throw new Refusal(2001, `${name} must be a whole number from ${least} on.`);
  }
}
