import type { Plant } from './planted.ts';

/** A part of the mechanism that is taken out, and the cells that must notice. */
export interface MatrixMutant {
  readonly what: string;
  readonly plants: readonly Plant[];
  /** Each of these turns red. */
  readonly cells: readonly string[];
}

const mutant = (
  what: string,
  file: string,
  changes: readonly (readonly [text: string, becomes: string])[],
  ...cells: readonly string[]
): MatrixMutant => ({
  what,
  plants: changes.map(([text, becomes]) => ({ what, file, text, becomes })),
  cells,
});

/** Every part that makes a write happen once. Without any one of them some cell is lost, doubled or unrecorded. */
export const mutants: readonly MatrixMutant[] = [
  mutant(
    'the look-up: what was not answered is sent again at once',
    'activities/perform.js',
    [['if (isInDoubt(earlier)) {', 'if (false) {']],
    'response-dropped/createIncidentNote',
  ),
  mutant(
    'the find: no look shows anything',
    'activities/look-up.js',
    [["if (typeof repeat === 'string')\n        return {};", 'return {};']],
    'reset/createIncident',
    'reset/createIncidentNote',
    'reset/updateIncidents',
    'reset/createService',
    'reset/updateService',
    'reset/createScheduleOverride',
    'reset/createEscalationPolicy',
    'reset/createUser',
    'reset/createTeam',
    'reset/enqueueEvent',
  ),
  mutant(
    'the wait: the old try is looked for while it may still take effect',
    'activities/look-up.js',
    [['if (restMs > 0) {', 'if (false) {']],
    // Of a note or an override the second look would hide it.
    'reset-under-way/updateIncident',
    'reset-under-way/enqueueEvent',
  ),
  mutant(
    'the second look: what left no trace after eight seconds is sent again at once',
    'activities/look-up.js',
    [['if (restLateMs > 0) {', 'if (false) {']],
    'late/createIncidentNote',
    'late/createScheduleOverride',
  ),
  mutant(
    'the read in the attempt: what an earlier attempt read decides again',
    'activities/decision.js',
    [
      [
        'return { incidents: await reader.incidents(incidentIds) };',
        `{
                const known = (globalThis.readBefore ??= new Map());
                const key = String(incidentIds);
                if (!known.has(key)) known.set(key, await reader.incidents(incidentIds));
                return { incidents: known.get(key) };
            }`,
      ],
    ],
    'person-between/updateIncident',
    'person-between/updateIncidents',
  ),
  mutant(
    'the unique claim: whoever comes second has it as well',
    'gate/steps.js',
    [
      ['if (numInsertedOrUpdatedRows !== 1n)\n            throw new StepTaken();', ''],
      ['if (numUpdatedRows !== 1n)\n        throw new StepTaken();', ''],
    ],
    'two-claims/createIncidentNote',
  ),
  mutant(
    'the digest: another request under the same step is taken for the same',
    'gate/steps.js',
    [['if (row && row.digest !== step.digest) {', 'if (false) {']],
    'step-reused/createIncidentNote',
  ),
  mutant(
    'the deadline: a write is sent however long ago it was claimed',
    'pagerduty/http.js',
    [
      ['if (limitMs < leastMs) {', 'if (false) {'],
      ['AbortSignal.timeout(Math.ceil(limitMs))', 'AbortSignal.timeout(8_000)'],
    ],
    'two-workers/createIncidentNote',
  ),
  mutant(
    'PagerDuty’s clock: our own tells what is ours',
    'activities/pagerduty-clock.js',
    [['return new Date(now === undefined ?', 'return new Date(true ?']],
    'clock-ahead/createIncident',
  ),
];
