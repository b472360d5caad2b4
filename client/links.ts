import type { ClientSettings } from './config.ts';

/** A run in the Temporal UI. */
export const linkTo = (
  uiUrl: string,
  namespace: string,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
): string =>
  `${uiUrl.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}/${runId}/history`;

/** Where the Temporal UI is, as far as that is known: by the setting, or because the server is Temporal Cloud. */
export const temporalUi = (
  { temporalUi: set }: ClientSettings,
  address: string | undefined,
): string | undefined =>
  set ??
  (/\.(tmprl\.cloud|api\.temporal\.io)(:\d+)?$/.test(address ?? '')
    ? 'https://cloud.temporal.io'
    : undefined);
