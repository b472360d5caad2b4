import { type Endpoint, isWrite } from '../pagerduty/catalogue/endpoint.ts';
import type { Credential, User } from './model.ts';
import { Refusal, ScopeRefusal } from './refusal.ts';

/** @throws Refusal where the credential may not do this at all, whoever stands behind it. */
export function checkScope(endpoint: Endpoint, { access, scopes }: Credential): void {
  const { scope } = endpoint;
  if (scopes && scope !== 'none' && !scopes.includes(scope)) throw new ScopeRefusal([scope]);
  if (isWrite(endpoint) && access === 'read-only') throw new Refusal(2010);
}

/** Base roles that change nothing. */
const lookers = new Set(['read_only_user', 'read_only_limited_user', 'observer', 'restricted_access']);

/** What a responder may change; the rest is for managers and up. */
const responderScopes = new Set<Endpoint['scope']>(['incidents.write', 'schedules.write']);

/**
 * Roughly what PagerDuty's base roles may do: rights by team are not simulated. Nobody in particular may do everything.
 * @throws Refusal 2010 where the user's role does not let him.
 */
export function checkMayWrite({ scope }: Endpoint, user: User | undefined): void {
  if (!user) return;
  const { role } = user;
  const isAdmin = role === 'admin' || role === 'owner';
  if (scope === 'users.write' && !isAdmin) throw new Refusal(2010);
  if (lookers.has(role)) throw new Refusal(2010);
  if (role === 'limited_user' && !responderScopes.has(scope)) throw new Refusal(2010);
}
