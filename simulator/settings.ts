import { z } from 'zod';
import { operationNames } from '../pagerduty/catalogue/index.ts';

/** What the account is like today, and how PagerDuty's edge behaves. Changed at run time over the control endpoint. */
export const Settings = z.strictObject({
  /** Every REST request is answered 402, code 2012. */
  account_expired: z.boolean(),
  /** What the plan lacks: `teams`, `urgencies`, or the name of an operation. Asking for it is answered 402, code 2014. */
  missing_abilities: z.array(z.enum(['teams', 'urgencies', ...operationNames])),
  /** What comes with a 401: PagerDuty sends any of these. */
  unauthorized_body: z.enum(['empty', 'html', 'json']),
  /** How long OAuth tokens that are given out from now on live; PagerDuty's live a day. */
  oauth_token_seconds: z.int().min(1).max(31_536_000),
  /** Acknowledging makes the acknowledging user the assignee, as was once reported of the real REST API. */
  acknowledge_reassigns: z.boolean(),
});
export type Settings = z.output<typeof Settings>;

export const createSettings = (): Settings => ({
  account_expired: false,
  missing_abilities: [],
  unauthorized_body: 'empty',
  oauth_token_seconds: 86_400,
  acknowledge_reassigns: false,
});
