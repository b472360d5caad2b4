import type { EventEmitter } from 'node:events';

/** Answers that are ready and wait for somebody to let them go. */
export class Holds {
  readonly #waiting = new Set<() => void>();

  /** How many wait now. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Waits until all are let go, or the connection is closed. */
  wait(socket: EventEmitter): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#waiting.delete(go);
        socket.off('close', go);
        resolve();
      };
      this.#waiting.add(go);
      socket.once('close', go);
    });
  }

  /** Lets all go that wait now; gives how many. */
  release(): number {
    const { count } = this;
    for (const go of this.#waiting) go();
    return count;
  }
}
