import type { HonoRequest } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { Refusal } from '../mcp/refusals.ts';
import { strangerIn } from '../strangers.ts';

/** What each answer tells the browser: that nothing but the console's own files belongs to its pages. */
export const safeHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  // To others nothing is told; to ourselves it must be, or browsers say of our forms that they come from nowhere.
  referrerPolicy: 'same-origin',
  // Where there is TLS it is a proxy's, and so is this.
  strictTransportSecurity: false,
});

/** Why a request comes from no page of this console, which goes by these names; `undefined` where it does. */
export function strayIn(req: HonoRequest, names: Parameters<typeof strangerIn>[1]): Refusal | undefined {
  const stranger = strangerIn(req.raw, names);
  if (stranger) return stranger.refusal;
  const origin = req.header('origin');
  const from = req.header('sec-fetch-site');
  const isWrite = req.method !== 'GET' && req.method !== 'HEAD';
  // The port counts too: cookies go to every port of this machine, and so do pages of whatever else runs here.
  const isOurs = origin === undefined ? !isWrite : originHost(origin) === req.header('host');
  const isLink = !isWrite && req.header('sec-fetch-mode') === 'navigate';
  const isFromHere = from === undefined || from === 'same-origin' || from === 'none' || isLink;
  if (isOurs && isFromHere) return undefined;
  return { rule: 'origin', why: `a page of ${origin ?? 'another place'} sent it` };
}

/** The host and port of an origin; of none that is one, nothing. */
function originHost(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
