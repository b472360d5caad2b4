import { z } from 'zod';
import type { User } from '../model.ts';
import { found, Refusal } from '../refusal.ts';
import { writeUser } from '../wire/user.ts';
import { plainView, viewOf } from '../wire/view.ts';
import { optionalText, readAsked, textOf, typeOf, zoneOf } from './asked.ts';
import { type Call, created, type Outcome, ok } from './handler.ts';
import { pageOf } from './lists.ts';

/** By name; `query` is a part of the name or the e-mail address, in any case. */
export function listUsers({ world, query }: Call<'listUsers'>): Outcome {
  const view = viewOf(world, query);
  const part = query.text('query')?.toLowerCase() ?? '';
  const team = query.filter('team_ids[]');
  const users = [...world.users.values()]
    .filter(({ name, email }) => [name, email].some((text) => text.toLowerCase().includes(part)))
    .filter(({ id }) => team(...world.teamsOfUser(id)))
    .toSorted((a, b) => a.name.localeCompare(b.name));
  return ok(pageOf('users', users, query, (user) => writeUser(view, user)));
}

/** One's own profile shows the calendar addresses unasked. */
export function getUser({ world, params, query, actor }: Call<'getUser'>): Outcome {
  const user = found(world.users.get(params.id));
  const withCalendars = actor?.id === user.id;
  return ok({ user: writeUser(viewOf(world, query), user, { withCalendars }) });
}

export function getCurrentUser({ world, query, actor }: Call<'getCurrentUser'>): Outcome {
  return ok({ user: writeUser(viewOf(world, query), actor, { withCalendars: true }) });
}

/** Nobody is invited by mail. */
export function createUser({ world, body }: Call<'createUser'>): Outcome {
  const asked = readAsked(body, 'user', UserForm);
  const email = asked.email.trim();
  if (world.userByEmail(email)) throw new Refusal(2001, 'Email has already been taken.');
  const id = world.newId('P');
  const contactMethodId = world.newId('P');
  const user: User = {
    id,
    name: asked.name.trim(),
    email,
    role: asked.role ?? 'user',
    jobTitle: asked.job_title ?? null,
    description: asked.description ?? null,
    timeZone: asked.time_zone ?? 'Etc/UTC',
    color: asked.color ?? 'purple',
    contactMethods: [{ id: contactMethodId, type: 'email', label: 'Default', address: email }],
    notificationRules: [{ id: world.newId('P'), contactMethodId, urgency: 'high', delayMinutes: 0 }],
  };
  world.users.set(id, user);
  return created({ user: writeUser(plainView(world), user) });
}

const UserForm = z.object({
  type: typeOf('user'),
  name: textOf('Name', 100),
  email: z
    .string('Email cannot be empty.')
    .regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'Email is invalid.')
    .min(6, 'Email is too short (minimum is 6 characters).')
    .max(100, 'Email is too long (maximum is 100 characters).'),
  role: z
    .enum(
      [
        'admin',
        'limited_user',
        'observer',
        'owner',
        'read_only_user',
        'restricted_access',
        'read_only_limited_user',
        'user',
      ],
      'Role is not included in the list.',
    )
    .nullish(),
  time_zone: zoneOf('Time zone').nullish(),
  color: optionalText('Color'),
  job_title: optionalText('Job title', 100),
  description: optionalText('Description'),
});
