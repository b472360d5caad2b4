import type { Incident, IncidentStatus } from './model.ts';

/** What one service has open, and when it last had something new. */
interface OnService {
  readonly open: Record<IncidentStatus, number>;
  newest: number | null;
}

/** Finds among tens of thousands of incidents without looking at all of them. Told of every change that concerns it. */
export class IncidentIndex {
  readonly #byNumber = new Map<string, Incident>();
  readonly #byKey = new Map<string, Incident[]>();
  readonly #onService = new Map<string, OnService>();

  add(incident: Incident): void {
    this.#byNumber.set(String(incident.number), incident);
    if (incident.incidentKey !== null) this.addKey(incident.incidentKey, incident);
    this.#arrive(incident);
  }

  /** The incident is found by this key from now on: its own, or an alert's. */
  addKey(key: string, incident: Incident): void {
    const incidents = this.#byKey.get(key);
    if (!incidents) this.#byKey.set(key, [incident]);
    else if (!incidents.includes(incident)) incidents.push(incident);
  }

  changeStatus({ serviceId }: Incident, from: IncidentStatus, to: IncidentStatus): void {
    const { open } = this.#of(serviceId);
    open[from] -= 1;
    open[to] += 1;
  }

  /** Makes a change of the incident's service, and counts it where it goes. */
  changeService(incident: Incident, change: () => void): void {
    this.#of(incident.serviceId).open[incident.status] -= 1;
    change();
    this.#arrive(incident);
  }

  byNumber(number: string): Incident | undefined {
    return this.#byNumber.get(number);
  }

  /** Everything that has, or had, this key, oldest first. */
  byKey(key: string): readonly Incident[] {
    return this.#byKey.get(key) ?? [];
  }

  /** How many incidents of the service have a status. */
  count(serviceId: string, status: IncidentStatus): number {
    return this.#onService.get(serviceId)?.open[status] ?? 0;
  }

  /** When the newest incident of the service opened; null where there is none. */
  newestOn(serviceId: string): number | null {
    return this.#onService.get(serviceId)?.newest ?? null;
  }

  #arrive({ serviceId, status, createdAt }: Incident): void {
    const service = this.#of(serviceId);
    service.open[status] += 1;
    service.newest = Math.max(service.newest ?? createdAt, createdAt);
  }

  #of(serviceId: string): OnService {
    const found = this.#onService.get(serviceId);
    if (found) return found;
    const fresh: OnService = { open: { triggered: 0, acknowledged: 0, resolved: 0 }, newest: null };
    this.#onService.set(serviceId, fresh);
    return fresh;
  }
}
