/** A header tells whole seconds, and PagerDuty's machines may differ by some. */
export const graceMs = 3_000;

/** Where no answer has told the time: how far its clock and ours may differ. */
const blindGraceMs = 60_000;

/**
 * PagerDuty's clock, as the `Date` of its answers told it. Whether an effect is ours is told by PagerDuty's times, and our own
 * clock may be off by hours.
 */
export class PagerDutyClock {
  #told: { readonly at: number; readonly heardAt: number } | undefined;

  /** Takes the time that an answer carried, milliseconds since 1970; `undefined` where it carried none. */
  hear(at: number | undefined): void {
    if (at !== undefined && Number.isFinite(at)) this.#told = { at, heardAt: performance.now() };
  }

  get isKnown(): boolean {
    return this.#told !== undefined;
  }

  /**
   * An instant of our clock by PagerDuty's, give or take `graceMs`, milliseconds since 1970; unchanged where PagerDuty has not
   * told the time yet.
   * @param ours what our clock says now.
   */
  of(instant: number, ours: number): number {
    return this.#told ? this.#told.at + performance.now() - this.#told.heardAt - (ours - instant) : instant;
  }

  /**
   * An instant, ISO 8601, before which no effect of a request that leaves now can lie.
   * @param ours our own clock, milliseconds since 1970, for where PagerDuty's is not known.
   */
  since(ours: number): string {
    const now = this.#told && this.#told.at + performance.now() - this.#told.heardAt;
    return new Date(now === undefined ? ours - blindGraceMs : now - graceMs).toISOString();
  }
}
