import { DefaultLogger, Runtime } from '@temporalio/worker';

// The SDK's log would bury the results. Once a process, before anything else of it.
Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
