/** What goes back over HTTP. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export const jsonReply = (status: number, body: unknown, headers: Reply['headers'] = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  text: JSON.stringify(body),
});

export const emptyReply = (status: number): Reply => ({
  status,
  headers: { 'content-length': '0' },
  text: '',
});

/** The 429 of the Events API: no headers that tell how long to wait. */
export const throttled: Reply = jsonReply(429, {
  status: 'throttle exceeded',
  message: 'Requests for this service are arriving too quickly. Please retry later.',
});
