interface Item {
  readonly status?: unknown;
  readonly errors?: readonly string[] | null;
}

/** Of each override of an answer, in order, why it was refused; `undefined` where it stands. PagerDuty answers 201 where single ones were refused. */
export const refusalsIn = (response: object): readonly (string | undefined)[] =>
  ((response as { readonly overrides?: readonly Item[] }).overrides ?? []).map(({ status, errors }) =>
    typeof status === 'number' && status >= 400
      ? `refused with ${status}: ${errors?.join(', ') || 'no reason given'}`
      : undefined,
  );
