import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { clientSettings } from '../../client/config.ts';
import { startTemporal } from '../../client/local-temporal.ts';
import { freePorts } from '../../client/ports.ts';
import type {} from './namespaces.ts';

/**
 * Starts one real Temporal server for all tests of a project, and tells them where it is and which namespaces it has.
 * @returns the folder that all of them share, and what ends the server.
 */
export async function provideServer(
  project: TestProject,
  namespaces: number,
  settings: { readonly exactTimers: boolean },
): Promise<{ readonly folder: string; readonly stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-test-'));
  const names = Array.from({ length: namespaces }, (_, index) => `test-${index}`);
  const [port = 0, uiPort = 0] = await freePorts(2);
  const options = { port, uiPort, namespaces: names, ...settings };
  const server = await startTemporal(clientSettings(), options, console.log);
  project.provide('temporalAddress', server.address);
  project.provide('temporalUi', server.uiUrl);
  project.provide('namespaces', names);
  project.provide('claims', folder);
  return {
    folder,
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
