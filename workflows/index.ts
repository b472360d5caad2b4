/** Every function exported here is a Workflow Type. */
export { acknowledgeIncident } from './acknowledge-incident.ts';
export { addNote } from './add-note.ts';
export { alertLifecycle } from './alert-lifecycle.ts';
export { bringEvents } from './bring-events.ts';
export { checkPermission } from './check-permission.ts';
export { releaseIncident } from './release-incident.ts';
export { resolveIncident } from './resolve-incident.ts';
export { resolveIncidents } from './resolve-incidents.ts';
export { resolveLot } from './resolve-lot.ts';
export { respondToIncident } from './respond-to-incident.ts';
export { runOperation } from './run-operation.ts';
export { sweepIncidents } from './sweep-incidents.ts';
export { sweepLeases } from './sweep-leases.ts';
export { tellIncident } from './tell-incident.ts';
export { triageIncident } from './triage-incident.ts';
export { waitForHumanAck } from './wait-for-human-ack.ts';
export { pickIncidents, walkPages } from './walk-pages.ts';
export { watchReopened } from './watch-reopened.ts';
