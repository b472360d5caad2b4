import type { ContactMethod, NotificationRule, User } from '../model.ts';
import { asReference, contactMethodHead, notificationRuleHead, userHead } from './references.ts';
import { teamIn } from './team.ts';
import type { View } from './view.ts';

/** A user in full. The calendar addresses let anybody read who knows them: they are sent to nobody but the user, or where asked for. */
export const writeUser = (view: View, user: User, { withCalendars = false } = {}) => ({
  ...userHead(view, user),
  name: user.name,
  email: user.email,
  time_zone: user.timeZone,
  color: user.color,
  avatar_url: 'https://secure.gravatar.com/avatar/00000000000000000000000000000000.png?d=mm&r=PG',
  role: user.role,
  description: user.description,
  invitation_sent: false,
  job_title: user.jobTitle,
  created_via_sso: false,
  teams: view.world.teamsOfUser(user.id).map((id) => teamIn(view, id)),
  contact_methods: user.contactMethods.map((method) => contactMethodIn(view, user, method)),
  notification_rules: user.notificationRules.map((rule) => notificationRuleIn(view, user, rule)),
  ...(view.includes('subdomains') ? { subdomains: [view.world.domain] } : {}),
  ...(withCalendars || view.includes('calendar_urls')
    ? calendarsOf(view.world.domain, 'users', user.id)
    : {}),
});

/** Feeds for calendar programs; whoever has such an address reads it without a key. */
export const calendarsOf = (domain: string, kind: 'users' | 'schedules', id: string) => ({
  http_cal_url: `https://${domain}.pagerduty.com/private/simulated-${kind}-feed/feed/${id}`,
  web_cal_url: `webcal://${domain}.pagerduty.com/private/simulated-${kind}-feed/feed/${id}`,
});

function contactMethodIn(view: View, { id }: User, method: ContactMethod) {
  const head = contactMethodHead(id, method);
  if (!view.includes('contact_methods')) return asReference(head);
  const { type, label, address } = method;
  const isNumber = type === 'phone' || type === 'sms';
  return {
    ...head,
    label,
    address,
    ...(type === 'email' ? { send_short_email: false } : {}),
    ...(isNumber ? { country_code: 1, blacklisted: false, enabled: true } : {}),
  };
}

function notificationRuleIn(view: View, user: User, rule: NotificationRule) {
  const head = notificationRuleHead(user.id, rule);
  if (!view.includes('notification_rules')) return asReference(head);
  const method = user.contactMethods.find(({ id }) => id === rule.contactMethodId);
  return {
    ...head,
    start_delay_in_minutes: rule.delayMinutes,
    urgency: rule.urgency,
    contact_method: method ? asReference(contactMethodHead(user.id, method)) : null,
  };
}
