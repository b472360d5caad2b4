/** A map that also finds its things by other names than their ids, without looking through all of them. */
export class IndexedMap<Thing extends object> extends Map<string, Thing> {
  readonly #namesOf: (thing: Thing) => readonly string[];
  readonly #byName = new Map<string, Thing>();

  constructor(namesOf: (thing: Thing) => readonly string[]) {
    super();
    this.#namesOf = namesOf;
  }

  /** The thing of this name; of several the one that was set last. */
  named(name: string): Thing | undefined {
    return this.#byName.get(name);
  }

  override set(id: string, thing: Thing): this {
    this.#forget(id);
    for (const name of this.#namesOf(thing)) this.#byName.set(name, thing);
    return super.set(id, thing);
  }

  override delete(id: string): boolean {
    this.#forget(id);
    return super.delete(id);
  }

  override clear(): void {
    this.#byName.clear();
    super.clear();
  }

  #forget(id: string): void {
    const thing = this.get(id);
    for (const name of thing ? this.#namesOf(thing) : []) {
      if (this.#byName.get(name) === thing) this.#byName.delete(name);
    }
  }
}
