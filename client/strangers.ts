import {
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  originValidationResponse,
} from '@modelcontextprotocol/server';
import type { Refusal } from './mcp/refusals.ts';

/** Names under which a server on this machine is called: the machine's own, and those by which a proxy calls it. */
export const namesOfOurs = (hosts: readonly string[]): string[] => [...localhostAllowedHostnames(), ...hosts];

/** Why a request is none of ours by where it says it goes and comes from, and the answer to it. */
export interface Stranger {
  readonly answer: Response;
  readonly refusal: Refusal;
}

/** Finds out whether a request asks for another host, as after a name was bound anew, or comes from a page of one. */
export function strangerIn(request: Request, names: string[]): Stranger | undefined {
  const wrongHost = hostHeaderValidationResponse(request, names);
  if (wrongHost)
    return {
      answer: wrongHost,
      refusal: { rule: 'host', why: `it asked for the host ${request.headers.get('host') ?? ''}` },
    };
  const wrongOrigin = originValidationResponse(request, names);
  if (wrongOrigin)
    return {
      answer: wrongOrigin,
      refusal: { rule: 'origin', why: `a page of ${request.headers.get('origin') ?? ''} sent it` },
    };
  return undefined;
}
