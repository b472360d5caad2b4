/**
 * The client library: speak to oncall-runner as an agent, or serve one.
 *
 * Everything that goes wrong is an `OncallError` with one sentence that says what to mend: `UsageError` (nothing was done),
 * `NotConnectedError`, `RunError` (a run failed or was ended), `RefusedError` (a call was denied, refused or overtaken).
 */
export type { Permission } from '../activities/index.ts';
export type { Things } from '../gate/asked.ts';
export type { OperationName, RequestOf, ResponseOf } from '../pagerduty/catalogue/index.ts';
export type {
  AgentUpdates,
  Brief,
  Conclusion,
  Finding,
  FindingClass,
  Outcome,
  RunResult,
  WorkflowName,
  Workflows,
} from '../workflows/contract.ts';
export type { Run } from './agent.ts';
export { NotConnectedError, OncallError, RefusedError, RunError, UsageError } from './errors.ts';
export { type AgentIdentity, readAgent } from './identity.ts';
export { type CallOptions, type Oncall, type OncallOptions, openOncall } from './oncall.ts';
export { type AgentWork, type ServedAgent, type ServeOptions, serveAgent } from './serve-agent.ts';
