import { installLogger } from '../../worker/log.ts';
import { memoryLog } from './logged.ts';

// The SDK's log would bury the results; in memory it can be searched. Once a process, before anything else of it.
try {
  installLogger(memoryLog);
} catch (error) {
  // Test files that share a process share the log too.
  if (!(error instanceof Error && error.name === 'IllegalStateError')) throw error;
}
