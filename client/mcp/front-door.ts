import {
  type AuthInfo,
  createMcpHandler,
  OAuthError,
  OAuthErrorCode,
  readRequestBody,
  requireBearerAuth,
} from '@modelcontextprotocol/server';
import type { Client } from '@temporalio/client';
import { Hono } from 'hono';
import { write } from '../../gate/audit.ts';
import type { Store } from '../../gate/audit-store.ts';
import { bearerShown } from '../../gate/bearers.ts';
import type { PolicyState } from '../../gate/policy-source.ts';
import type { Identity } from '../identity.ts';
import { listen } from '../listening.ts';
import { namesOfOurs, strangerIn } from '../strangers.ts';
import { deskOf } from './desk.ts';
import { limiter, type Rate } from './rate.ts';
import { type Refusal, refusalsIn } from './refusals.ts';
import { type ServerOptions, serverFor } from './server.ts';

export interface FrontDoorOptions extends Pick<ServerOptions, 'version' | 'told' | 'answerMs'> {
  /** The front door's name in the configuration, and the key that signs what its agents ask. */
  readonly door: Identity;
  readonly client: Client;
  /** The Worker's own: it knows the tokens, and takes what was refused. */
  readonly store: Store;
  readonly account: string;
  /** What the configuration says now; `undefined` where none lies beside this server. */
  readonly policy: (() => PolicyState) | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** Names by which a proxy calls this server, beside those of this machine. */
  readonly hosts?: readonly string[];
  /** What one agent may call; 60 at once, then 10 a second. */
  readonly rate?: Rate;
  /** How long refusals of one kind are counted together, in milliseconds. */
  readonly refusalWindowMs?: number;
}

export interface RunningFrontDoor {
  readonly url: string;
  /** Lets nobody in any more, and gives back what its agents had been handed. */
  readonly close: () => Promise<void>;
}

/** Requests that show no good token: all of them together. Looking one up asks the store. */
const strangers: Rate = { burst: 50, perSecond: 20 };
/** Requests of one agent that wait for their answer at once. */
const mostWaiting = 32;
/** The longest request, in bytes. */
const longestRequest = 1_000_000;

/**
 * Serves MCP over HTTP on this machine alone: to agents that show a token, from hosts and pages that are known, as often as is
 * reasonable. All else is refused and written down.
 * @throws OncallError where the port is taken.
 */
export async function openFrontDoor(options: FrontDoorOptions): Promise<RunningFrontDoor> {
  const { door, client, store, account, policy, port, hosts = [], told } = options;
  const { rate = { burst: 60, perSecond: 10 }, refusalWindowMs } = options;
  const desk = deskOf(client, account, policy);
  const refusals = refusalsIn({
    write: (record) => write(store, record),
    door: door.name,
    account,
    configuration: () => {
      const state = policy?.();
      return state?.readable ? state.policy.digest : 'unreadable';
    },
    told,
    ...(refusalWindowMs !== undefined && { windowMs: refusalWindowMs }),
  });
  const handler = createMcpHandler(
    ({ authInfo }) => {
      const agent = authInfo && {
        name: authInfo.clientId,
        key: door.key,
        door: { name: door.name, bearer: authInfo.token },
      };
      if (!agent) throw new Error('a request came in without its agent');
      return serverFor({ ...options, callerOf: () => desk.callerOf(agent) });
    },
    { onerror: told },
  );
  const names = namesOfOurs(hosts);
  const perAgent = limiter(rate);
  const ofStrangers = limiter(strangers);
  const waiting = new Map<string, number>();

  /** The door's own agents, where the configuration lies beside it; the gate asks it anyway. */
  const speaksFor = (agent: string): boolean => {
    const state = policy?.();
    if (!state) return true;
    return state.readable && state.policy.frontDoors.get(door.name)?.may_speak_for.includes(agent) === true;
  };

  async function refuse(answer: Response, refusal: Refusal): Promise<Response> {
    await refusals.note(refusal);
    return answer;
  }

  const tooMany = (refusal: Omit<Refusal, 'rule'>, seconds: number): Promise<Response> =>
    refuse(
      Response.json(
        { error: 'rate_limited', error_description: `${refusal.why}; call again in ${Math.ceil(seconds)} s` },
        { status: 429, headers: { 'retry-after': String(Math.ceil(seconds)) } },
      ),
      { rule: 'rate', ...refusal },
    );

  /** Who calls, or the answer that lets nobody in. */
  async function admitted(request: Request): Promise<AuthInfo | Response> {
    const stranger = strangerIn(request, names);
    if (stranger) return refuse(stranger.answer, stranger.refusal);
    const refused: Refusal[] = [];
    const gate = requireBearerAuth({
      verifier: {
        verifyAccessToken: async (token) => {
          const shown = await bearerShown(store, token);
          if (shown.ok)
            return {
              token: shown.id,
              clientId: shown.agent,
              scopes: [],
              expiresAt: Math.floor(shown.expiresAt / 1_000),
            };
          refused.push({ rule: 'token', agent: shown.agent, why: shown.why });
          throw new OAuthError(OAuthErrorCode.InvalidToken, shown.why);
        },
      },
    });
    const who = await gate(request);
    if (!(who instanceof Response)) return who;
    // Nobody's requests have one bucket; where it is empty, even the refusals cost as little as can be.
    const seconds = ofStrangers.take('');
    const [refusal = { rule: 'token', why: 'it showed no token' } as const] = refused;
    return seconds > 0
      ? tooMany({ why: 'too many requests without a good token' }, seconds)
      : refuse(who, refusal);
  }

  async function answer(request: Request): Promise<Response> {
    const who = await admitted(request);
    if (who instanceof Response) return who;
    const { clientId: agent } = who;
    if (!speaksFor(agent)) {
      const why = `the front door ${door.name} may not speak for it`;
      return refuse(Response.json({ error: 'access_denied', error_description: why }, { status: 403 }), {
        rule: 'front door',
        agent,
        why,
      });
    }
    const seconds = perAgent.take(agent);
    if (seconds > 0)
      return tooMany({ agent, why: 'it calls more often than this front door takes' }, seconds);
    const before = waiting.get(agent) ?? 0;
    if (before >= mostWaiting) return tooMany({ agent, why: `${before} of its requests wait already` }, 1);
    const message = await messageIn(request);
    if (message instanceof Response) return message;
    waiting.set(agent, (waiting.get(agent) ?? 0) + 1);
    const over = (): void => void waiting.set(agent, (waiting.get(agent) ?? 1) - 1);
    try {
      return whenOver(await handler.fetch(request, { authInfo: who, ...message }), over);
    } catch (error) {
      over();
      throw error;
    }
  }

  const app = new Hono()
    .all('/mcp', ({ req }) => answer(req.raw))
    .onError((error, context) => {
      told(error);
      return context.json({ error: 'temporarily_unavailable' }, 503);
    });
  const server = await listen(app, { port, option: '--http' });
  return {
    url: `${server.url}/mcp`,
    close: async () => {
      await server.close(() => handler.close());
      await desk[Symbol.asyncDispose]();
      await refusals.close();
    },
  };
}

/** The message of a request, or why there is none. Several at once would go round the rate; the protocol has no batches any more. */
async function messageIn(request: Request): Promise<{ readonly parsedBody?: unknown } | Response> {
  const refuse = (status: number, code: number, message: string): Response =>
    Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status });
  if (request.method !== 'POST') return {};
  const body = await readRequestBody(request, longestRequest);
  if (body.tooLarge) return refuse(413, -32_600, `A request has ${longestRequest} bytes at most.`);
  let parsedBody: unknown;
  try {
    parsedBody = JSON.parse(body.text);
  } catch {
    return refuse(400, -32_700, 'The request is no JSON.');
  }
  return Array.isArray(parsedBody) ? refuse(400, -32_600, 'One message a request.') : { parsedBody };
}

/** The same answer; tells once that it is over, read to its end or given up. */
function whenOver(answer: Response, over: () => void): Response {
  if (!answer.body) {
    over();
    return answer;
  }
  const reader = answer.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      over();
    },
    cancel: async (reason) => {
      over();
      await reader.cancel(reason);
    },
  });
  return new Response(body, answer);
}
