import { join } from 'node:path';
import { expect } from 'vitest';
import type { Place, Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import type { World } from './world.ts';

/** A token by which an agent comes to a front door. */
export interface Given {
  readonly token: string;
  readonly id: string;
  readonly expires: string;
}

/** Gives an agent a token, once a Worker has made the store that keeps its hash. */
export async function giveToken(place: Place, agent: string): Promise<Given> {
  const ended = await until('the Worker has its store', async () => {
    const given = await place.oncall(['agents', 'token', agent, '--expires', '1h', '--json']).ended;
    expect(given.stderr).toMatch(/^$|There is no audit in/);
    return given.code === 0 && given;
  });
  return JSON.parse(ended.stdout) as Given;
}

/** Starts the MCP server over HTTP, as the front door `mcp` of the configuration. */
export async function startDoor(
  place: Place,
  { temporal }: World,
): Promise<{ readonly server: Program; readonly url: string }> {
  const env = {
    ...temporal,
    ONCALL_FRONT_DOOR: 'mcp',
    ONCALL_FRONT_DOOR_KEY_FILE: join(place.home, 'keys', 'mcp.pem'),
  };
  const server = place.oncall(['mcp', '--http', '0'], { env });
  return { server, url: (await server.line(/^listening on /)).replace('listening on ', '') };
}
