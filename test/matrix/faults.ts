import type { OperationName } from '../../pagerduty/catalogue/index.ts';
import type { Lot } from './place.ts';
import { type HttpFault, httpFaults } from './play-http.ts';
import { playKillAfterEffect, playKillAt, playServerKill, playStoreLocked } from './play-kills.ts';
import {
  playClock,
  playNewerWorkflow,
  playPerson,
  playResetDone,
  playResetUnderWay,
  playStepReused,
  playTwoClaims,
  playTwoWorkers,
} from './play-others.ts';
import type { Server } from './server.ts';
import type { Stand } from './stand.ts';
import type { Tally } from './tally.ts';

/** One column of the matrix. */
export interface MatrixFault {
  /** As a cell is named by: `killed-before-call/createTeam`. */
  readonly name: string;
  readonly means: string;
  readonly group: 'http' | 'kill' | 'other';
  /** Writes it can befall; all where absent. */
  readonly only?: readonly OperationName[];
  /** HTTP faults are played together. */
  readonly play?: (stand: Stand, lot: Lot, tally: Tally, server: Server) => Promise<void>;
}

const http = (name: HttpFault, means: string): MatrixFault => ({ name, means, group: 'http' });
const of = (
  group: 'kill' | 'other',
  name: string,
  means: string,
  play: (fault: string, stand: Stand, lot: Lot, tally: Tally, server: Server) => Promise<void>,
): MatrixFault => ({
  name,
  means,
  group,
  play: (stand, lot, tally, server) => play(name, stand, lot, tally, server),
});

/** Everything that is let happen to each write. */
export const faults: readonly MatrixFault[] = [
  http('request-dropped', 'the request never arrives'),
  http('response-dropped', 'the connection closes after the effect'),
  http('reset', 'the connection is reset after the effect'),
  http('500', 'PagerDuty answers 500'),
  http('truncated', 'half of the answer comes'),
  http('429', '429 with its headers'),
  http('bare-429', '429 without headers and body'),
  {
    ...http('late', 'it takes effect 12 s after it was sent, four seconds after we hung up'),
    only: [
      'createIncident',
      'createIncidentNote',
      'createService',
      'createScheduleOverride',
      'createEscalationPolicy',
      'createUser',
      'createTeam',
    ],
  },
  of(
    'kill',
    'killed-before-call',
    'Worker killed between the claim and the call',
    playKillAt('before the call'),
  ),
  of('kill', 'killed-after-effect', 'Worker killed after the effect, before the answer', playKillAfterEffect),
  of(
    'kill',
    'killed-before-record',
    'Worker killed between the answer and its record',
    playKillAt('before the record'),
  ),
  of('kill', 'server-killed', 'Temporal server killed and started again', (name, stand, lot, tally, server) =>
    playServerKill(name, stand, server, lot, tally),
  ),
  of('kill', 'store-locked', 'audit store locked for seconds', playStoreLocked),
  of('other', 'reset-under-way', 'the run is reset while its request is on its way', playResetUnderWay),
  of('other', 'reset-done', 'the run is reset when it is done', playResetDone),
  of('other', 'newer-workflow', 'Worker killed, and newer Workflow code goes on', playNewerWorkflow),
  of(
    'other',
    'two-workers',
    'a Worker freezes before the call, another does the step, the first wakes',
    playTwoWorkers,
  ),
  of('other', 'two-claims', 'two tries of one step come to the claim at once', playTwoClaims),
  of(
    'other',
    'clock-ahead',
    'the clock of one Worker is an hour ahead, and it is killed or comes after',
    playClock(1),
  ),
  of('other', 'clock-behind', 'the same, an hour behind', playClock(-1)),
  of('other', 'step-reused', 'another request comes under the name of a step that is done', playStepReused),
  {
    ...of('other', 'person-between', 'a person resolves between a 429 and the next try', playPerson),
    only: ['updateIncident', 'updateIncidents'],
  },
];

export const isHttp = (name: string): name is HttpFault => name in httpFaults;
