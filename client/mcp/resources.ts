import { ResourceNotFoundError } from '@modelcontextprotocol/server';
import { grantsInShort } from '../grants-in-short.ts';
import { get } from './get.ts';
import { statusOf } from './runs.ts';
import type { Answer, Caller } from './tool.ts';

/** What can be read without a tool, as `resources/list` shows it. */
export const resources = [
  {
    uri: 'pd://policy/me',
    name: 'policy-me',
    title: 'What you may do',
    description: 'Your grants, as they stand in the configuration now.',
    mimeType: 'text/plain',
  },
] as const;

/** The same of those that carry an id. */
export const resourceTemplates = [
  {
    uriTemplate: 'pd://run/{id}',
    name: 'run',
    title: 'A run of yours',
    description: 'Where a run stands, what happened in it and what it ended with.',
    mimeType: 'text/plain',
  },
  {
    uriTemplate: 'pd://incident/{id}',
    name: 'incident',
    title: 'An incident',
    description: 'An incident with its alerts, notes, log and who is on call for it.',
    mimeType: 'text/plain',
  },
] as const;

/**
 * Reads a resource, as its tool would.
 * @throws ResourceNotFoundError where there is none under this address, ToolError or RefusedError where it cannot be read.
 */
export async function resource(uri: string, caller: Caller): Promise<Answer> {
  if (uri === 'pd://policy/me') return policyAnswer(caller);
  const [, kind, written = ''] = /^pd:\/\/(run|incident)\/([^/?#]{1,300})$/.exec(uri) ?? [];
  const id = decoded(written);
  if (kind === undefined || id === undefined) throw new ResourceNotFoundError(uri.slice(0, 300));
  if (kind === 'run') return statusOf(caller, id, 0);
  const sections = ['alerts', 'notes', 'log', 'oncall'];
  return get.answer({ what: 'incident', id, sections } as never, caller);
}

function decoded(written: string): string | undefined {
  try {
    return decodeURIComponent(written);
  } catch {
    return undefined;
  }
}

function policyAnswer({ agent, account, grants }: Caller): Answer {
  const lines = grants && grantsInShort(grants);
  return {
    text: [
      `You are ${agent.name}, on the account ${account}.`,
      ...(lines === undefined
        ? ['No configuration lies beside this server; pd_can asks the gate itself.']
        : lines.length === 0
          ? ['You have no grants: everything is denied to you.']
          : ['You may:', ...lines.map((line) => `- ${line}`)]),
      'All else is denied. Denies of the configuration win over this; pd_can tells of one thing what the gate would say now.',
    ].join('\n'),
    data: { complete: lines !== undefined, grants: lines ?? null },
  };
}
