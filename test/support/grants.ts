/** Grants that let an agent respond from look to resolve, holding an incident for this long. */
export const responder = (lease = '5m'): string => `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: ${lease}, when: { urgency: [high, low] } }
incidents.add_note: full
incidents.resolve: full`;

/** Grants of all that there is, incidents as it is said. */
export const everything = ({ incidents = 'full', lease = '5m' } = {}): string => `incidents: ${incidents}
incidents.acknowledge: { level: full, lease: ${lease}, when: { urgency: [high, low] } }
services: full
schedules: full
escalation_policies: full
users: full
teams: full
oncalls: read
events: { level: full, routing_keys: [checkout] }`;
