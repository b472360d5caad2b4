import {
  type ActivityFunction,
  executeChild,
  makeContinueAsNewFunc,
  proxyActivities,
  type WorkflowInterceptors,
  workflowInfo,
} from '@temporalio/workflow';

// Workflows of somebody who reaches the server and runs a Worker on a Task Queue of his own. They know no secret of ours.

interface Start {
  readonly type: string;
  readonly workflowId: string;
  readonly args: readonly unknown[];
}

/** Starts one of our Workflows as a child. */
export const adopt = ({ type, workflowId, args }: Start): Promise<unknown> =>
  executeChild(type, { workflowId, taskQueue: 'oncall', args: [...args] });

/** Goes on as one of our Workflows, on our Task Queue. */
export const moveOn = ({ type, args }: Start): Promise<never> =>
  makeContinueAsNewFunc<(...all: unknown[]) => Promise<unknown>>({ workflowType: type, taskQueue: 'oncall' })(
    ...args,
  );

/** Schedules one of our Activities. */
export function borrow(asked: {
  readonly activity: string;
  readonly taskQueue: string;
  readonly input: unknown;
}): Promise<unknown> {
  const activities = proxyActivities<Record<string, ActivityFunction>>({
    taskQueue: asked.taskQueue,
    startToCloseTimeout: '15 seconds',
    retry: { maximumAttempts: 1 },
  });
  const activity = activities[asked.activity];
  if (!activity) throw new Error('no such Activity');
  return activity(asked.input);
}

/** Puts a stolen statement, which the run's memo brings along, into every header it can. */
export const interceptors = (): WorkflowInterceptors => {
  const withStolen = <Input extends { readonly headers: object }>(input: Input): Input => {
    const stolen = workflowInfo().memo?.['stolen'];
    if (typeof stolen !== 'string') return input;
    const data = new TextEncoder().encode(JSON.stringify(stolen));
    const metadata = { encoding: new TextEncoder().encode('json/plain') };
    return { ...input, headers: { ...input.headers, 'oncall-statement': { metadata, data } } };
  };
  return {
    outbound: [
      {
        startChildWorkflowExecution: (input, next) => next(withStolen(input)),
        continueAsNew: (input, next) => next(withStolen(input)),
        scheduleActivity: (input, next) => next(withStolen(input)),
      },
    ],
  };
};
