import type { Reporter, TestCase } from 'vitest/node';

/** A test that runs for longer is told of while it runs. */
const longMs = 120_000;

/**
 * Tells of each red test when it ends and of each long one while it runs: Vitest tells what was red once all is over, which a
 * run that is ended from outside never comes to.
 */
export class AtOnce implements Reporter {
  readonly #running = new Map<string, NodeJS.Timeout>();

  onTestCaseReady(test: TestCase): void {
    const tell = (): void => console.error(`LONG: ${nameOf(test)}, for ${longMs / 1_000} s.`);
    this.#running.set(test.id, setTimeout(tell, longMs).unref());
  }

  onTestCaseResult(test: TestCase): void {
    clearTimeout(this.#running.get(test.id));
    this.#running.delete(test.id);
    const { state, errors } = test.result();
    if (state === 'failed')
      console.error(`RED: ${nameOf(test)}: ${errors?.map(({ message }) => message).join('; ')}`);
  }
}

const nameOf = ({ module, fullName }: TestCase): string => `${module.relativeModuleId} > ${fullName}`;
