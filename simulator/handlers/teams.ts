import { z } from 'zod';
import { type Fields, isFields } from '../input.ts';
import type { Member, Team, TeamRole } from '../model.ts';
import { found, Refusal } from '../refusal.ts';
import { writeTeam } from '../wire/team.ts';
import { plainView, viewOf } from '../wire/view.ts';
import { checkNameIsFree, optionalText, readAsked, referenceOf, textOf, typeOf } from './asked.ts';
import { type Call, created, noContent, type Outcome, ok } from './handler.ts';
import { pageOf, sorted } from './lists.ts';

/** By name; `query` is a part of it, in any case. */
export function listTeams({ world, query }: Call<'listTeams'>): Outcome {
  const view = viewOf(world, query);
  const part = query.text('query')?.toLowerCase() ?? '';
  const matching = [...world.teams.values()].filter(({ name }) => name.toLowerCase().includes(part));
  const teams = sorted(matching, query, { name: ({ name }) => name.toLowerCase() }, 'name');
  return ok(pageOf('teams', teams, query, (team) => writeTeam(view, team)));
}

export function createTeam({ world, body }: Call<'createTeam'>): Outcome {
  const asked = readAsked(body, 'team', TeamForm);
  checkNameIsFree(world.teams, asked.name);
  const parentId = asked.parent ?? null;
  if (parentId !== null && !world.teams.has(parentId)) throw new Refusal(6001);
  const team: Team = {
    id: world.newId('P'),
    name: asked.name.trim(),
    description: asked.description ?? null,
    defaultRole: asked.default_role ?? 'manager',
    parentId,
    members: [],
  };
  world.teams.set(team.id, team);
  return created({ team: writeTeam(plainView(world), team) });
}

/** The role of a member changes; whoever is none becomes one. Without a role a member keeps his. */
export function updateTeamUser({ world, params, body }: Call<'updateTeamUser'>): Outcome {
  const team = found(world.teams.get(params.id));
  const user = found(world.users.get(params.user_id));
  const asked = readRole(isFields(body) ? body : {});
  const member = team.members.find(({ userId }) => userId === user.id);
  const role = asked ?? member?.role ?? (team.defaultRole === 'manager' ? 'manager' : 'observer');
  if (readers.has(user.role)) throw new Refusal(2001, `A ${user.role} cannot have a role in a team.`);
  const changed: Member = { userId: user.id, role };
  const members = member
    ? team.members.map((one) => (one === member ? changed : one))
    : [...team.members, changed];
  world.teams.set(team.id, { ...team, members });
  return noContent;
}

const TeamForm = z.object({
  type: typeOf('team'),
  name: textOf('Name', 100),
  description: optionalText('Description', 1024),
  default_role: z.enum(['manager', 'none'], 'Default role must be manager or none.').nullish(),
  parent: referenceOf('Parent').nullish(),
});

const roles: readonly TeamRole[] = ['observer', 'responder', 'manager'];

/** Base roles that change nothing have no role in a team. */
const readers = new Set(['read_only_user', 'read_only_limited_user']);

function readRole({ role }: Fields): TeamRole | undefined {
  if (role === undefined || role === null) return undefined;
  const known = roles.find((one) => one === role);
  if (!known) throw new Refusal(2001, 'Role must be observer, responder or manager.');
  return known;
}
