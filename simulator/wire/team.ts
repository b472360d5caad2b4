import type { Team } from '../model.ts';
import { known } from '../world.ts';
import { teamHead, teamReference } from './references.ts';
import type { View } from './view.ts';

export const writeTeam = (view: View, team: Team) => ({
  ...teamHead(view, team),
  name: team.name,
  description: team.description,
  parent: team.parentId === null ? null : teamReference(view, team.parentId),
  default_role: team.defaultRole,
});

export const teamIn = (view: View, id: string) =>
  view.includes('teams') ? writeTeam(view, known(view.world.teams, id)) : teamReference(view, id);
