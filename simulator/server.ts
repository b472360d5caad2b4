import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import { catalogue, operationNames } from '../pagerduty/catalogue/index.ts';
import type { Received } from './admission.ts';
import { answer, type Parts } from './answer.ts';
import { controlRoutes } from './control.ts';
import { truncated } from './fault-replies.ts';
import type { Fault, Operation } from './faults.ts';
import { errorBody } from './refusal.ts';
import { jsonReply, type Reply } from './reply.ts';

type Http = Context<{ Bindings: HttpBindings }>;

/** The simulator over HTTP: every operation of the catalogue at its own method and path, OAuth, and the control endpoint. */
export function createApp(parts: Parts): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const serve = (operation: Operation | null) => async (http: Http) => {
    const request = await received(http);
    const fault = operation === null ? undefined : parts.faults.strike(operation, request);
    if (fault?.kind === 'late') await sleep(fault.delay_ms, undefined, { ref: false });
    return deliver(parts, http, answer(parts, operation, request, fault), fault);
  };
  // Paths without placeholders first: `/users/me` is not the user of the id `me`.
  const names = operationNames.toSorted((a, b) => placeholders(a) - placeholders(b));
  for (const name of names) {
    const { method, path } = catalogue[name];
    app.on(method, path.replace(/\{(\w+)\}/g, ':$1'), serve(name));
  }
  app.post('/oauth/token', serve('oauthToken'));
  app.route('/_simulator', controlRoutes(parts));
  app.notFound(serve(null));
  app.onError((error) => responseOf(jsonReply(500, errorBody(2000, 'Internal Error', [String(error)]))));
  return app;
}

const placeholders = (name: keyof typeof catalogue): number => catalogue[name].path.split('{').length;

async function received({ req }: Http): Promise<Received> {
  const { pathname, searchParams } = new URL(req.url);
  return {
    method: req.method,
    path: pathname,
    query: searchParams,
    params: req.param(),
    headers: new Map(Object.entries(req.header())),
    text: await req.text(),
  };
}

/** Sends the answer, unless a fault of the connection is to befall it. */
async function deliver(
  { world, holds }: Parts,
  { env }: Http,
  reply: Reply | undefined,
  fault: Fault | undefined,
): Promise<Response> {
  const { socket } = env.incoming;
  if (!reply || fault?.kind === 'drop_response') {
    socket.destroy();
    return RESPONSE_ALREADY_SENT;
  }
  if (fault?.kind === 'reset') {
    socket.resetAndDestroy();
    return RESPONSE_ALREADY_SENT;
  }
  if (fault?.kind === 'delay') await sleep(fault.delay_ms, undefined, { ref: false });
  if (fault?.kind === 'hold') await holds.wait(socket);
  const { headers, ...rest } = fault?.kind === 'truncate' ? truncated(reply) : reply;
  // By the clock here: clients tell PagerDuty's time by it.
  return responseOf({ ...rest, headers: { ...headers, date: new Date(world.clock.now).toUTCString() } });
}

const responseOf = ({ status, headers, text }: Reply): Response =>
  new Response(text === '' ? null : text, { status, headers });
