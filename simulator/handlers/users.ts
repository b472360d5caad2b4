import { writeUser } from '../wire/account.ts';
import { viewOf } from '../wire/view.ts';
import { type Call, type Outcome, ok } from './handler.ts';
import { pageOf } from './lists.ts';

/** By name; `query` is a part of the name or the e-mail address, in any case. */
export function listUsers({ world, query }: Call<'listUsers'>): Outcome {
  const view = viewOf(world, query);
  const part = query.text('query')?.toLowerCase() ?? '';
  const team = query.filter('team_ids[]');
  const users = [...world.users.values()]
    .filter(({ name, email }) => [name, email].some((text) => text.toLowerCase().includes(part)))
    .filter(({ teamIds }) => team(...teamIds))
    .toSorted((a, b) => a.name.localeCompare(b.name));
  return ok(pageOf('users', users, query, (user) => writeUser(view, user)));
}
