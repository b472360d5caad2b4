import type { World } from './world.ts';

/** Keys are at least this long, or they are not looked for: shorter ones would stand in half of all texts. */
const shortest = 8;

/** Takes every key the account has out of a text. Looks once through the text, however many keys there are. */
export class KeyMask {
  readonly #world: World;
  #marks = new Map<string, readonly (readonly [key: string, mark: string])[]>();
  #counted = '';

  constructor(world: World) {
    this.#world = world;
  }

  /** The text with a mark in place of every key. */
  clean(text: string): string {
    this.#refresh();
    let cleaned = '';
    let copied = 0;
    for (let at = 0; at + shortest <= text.length; at += 1) {
      const found = this.#marks.get(text.slice(at, at + shortest))?.find(([key]) => text.startsWith(key, at));
      if (!found) continue;
      cleaned += text.slice(copied, at) + found[1];
      at += found[0].length - 1;
      copied = at + 1;
    }
    return cleaned + text.slice(copied);
  }

  /** Keys come and are never forgotten, so that their number tells whether there are new ones. */
  #refresh(): void {
    const { integrations, credentials, oauthClients } = this.#world;
    const counted = `${integrations.size} ${credentials.size} ${oauthClients.size}`;
    if (counted === this.#counted) return;
    this.#counted = counted;
    const keys: readonly (readonly [string, string])[] = [
      ...[...integrations.values()].map(
        ({ routingKey, serviceId }) => [routingKey, `[routing key of ${serviceId}]`] as const,
      ),
      ...[...credentials.keys()].map((key) => [key, '[API key]'] as const),
      ...[...oauthClients.values()].map(({ secret }) => [secret, '[client secret]'] as const),
    ];
    const sorted = keys
      .filter(([key]) => key.length >= shortest)
      // A key that begins with another one is to be found first.
      .toSorted(([a], [b]) => b.length - a.length);
    this.#marks = grouped(sorted);
  }
}

function grouped(keys: readonly (readonly [string, string])[]): Map<string, (readonly [string, string])[]> {
  const groups = new Map<string, (readonly [string, string])[]>();
  for (const pair of keys) {
    const start = pair[0].slice(0, shortest);
    groups.set(start, [...(groups.get(start) ?? []), pair]);
  }
  return groups;
}
