import { join } from 'node:path';
import { expect } from 'vitest';
import { freePorts } from '../../client/ports.ts';
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

/** A console of operators that runs, and how one signs in there by a link that it printed. */
export interface Console {
  readonly server: Program;
  readonly url: string;
  /** The next link that it prints in such a line. */
  readonly linkOf: (line: RegExp) => Promise<string>;
  readonly signIn: (link: string) => Promise<Response>;
}

/** Starts the console, as the front door `page` of the configuration. */
export async function startConsole(
  place: Place,
  environment: Readonly<Record<string, string>>,
): Promise<Console> {
  const key = join(place.home, 'keys', 'page.pem');
  const env = { ...environment, ONCALL_FRONT_DOOR: 'page', ONCALL_FRONT_DOOR_KEY_FILE: key };
  const [port] = await freePorts(1);
  const server = place.oncall(['console', '--port', String(port)], { env });
  const url = (await server.line(/^listening on /)).replace('listening on ', '');
  return {
    server,
    url,
    linkOf: async (line) => (await server.line(line)).split(': ')[1] ?? '',
    signIn: (link) =>
      fetch(`${url}/sign-in`, {
        method: 'POST',
        headers: { origin: url },
        body: new URLSearchParams({ link: new URL(link).searchParams.get('link') ?? '' }),
        redirect: 'manual',
      }),
  };
}

/** The cookie that an answer sets. */
export const cookieOf = ({ headers }: Response): string => headers.get('set-cookie')?.split(';')[0] ?? '';

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
