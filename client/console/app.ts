import { randomBytes } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { html } from 'hono/html';
import { entryOfNoRun, write } from '../../gate/audit.ts';
import { digestOf } from '../../gate/canonical.ts';
import { barredFrom } from '../barred.ts';
import { OncallError } from '../errors.ts';
import type { OperatorIdentity } from '../identity.ts';
import { limiter } from '../mcp/rate.ts';
import { type Refusal, refusalsIn } from '../mcp/refusals.ts';
import { namesOfOurs } from '../strangers.ts';
import { matrixOf, switchesOf } from './agents-page.ts';
import { approvalsOf, approveShown, denyShown, type Form, type Visitor } from './approvals-page.ts';
import { icon, script, style } from './assets.ts';
import { askedIn, feedOf, filtersOf } from './audit-page.ts';
import { budgetsIn, pacesIn } from './budget-page.ts';
import { leasesIn, releasesIn } from './held-page.ts';
import { liveOf } from './live.ts';
import { safeHeaders, strayIn } from './own-pages.ts';
import { type Html, hiddenFields, type Place, pageOf, places, plain, section, wrong } from './page.ts';
import { countsOf, outcomeIn, runsOf } from './runs-page.ts';
import { isFormOf, type Session, sessionMs, sessionsAt } from './sessions.ts';
import type { Sources } from './sources.ts';

export interface ConsoleOptions {
  readonly sources: Sources;
  /** Name of the console in the record: that of its front door, or its own. */
  readonly name: string;
  /** What signs for somebody who signed in; `undefined` where nothing does. */
  readonly signerFor: (session: Session) => OperatorIdentity | undefined;
  /** Names by which a proxy calls the console, beside those of this machine. */
  readonly hosts?: readonly string[];
  /** What goes wrong is for whoever runs the console. */
  readonly told: (error: unknown) => void;
  readonly now?: () => number;
  /** How long refusals of one kind are counted together, in milliseconds. */
  readonly refusalWindowMs?: number;
}

export interface Console {
  readonly app: Hono;
  /** A path by which this person can sign in, once. */
  readonly invite: (name: string) => string;
  readonly close: () => Promise<void>;
}

/** Links that are tried and are none: all of them together. */
const strangers = { burst: 20, perSecond: 1 };

/** The longest form, in bytes. */
const longestForm = 20_000;

/** The gate's page, for those who signed in by a link that this process gave. */
export function consoleOf(options: ConsoleOptions): Console {
  const { sources, name, signerFor, hosts = [], told, now = Date.now, refusalWindowMs } = options;
  const over = new AbortController();
  const sessions = sessionsAt(now);
  const names = namesOfOurs(hosts);
  const tries = limiter(strangers, now);
  const live = liveOf(sources, over.signal);
  // Cookies go to every port of a machine: another console here must not take ours for its own.
  const cookie = `oncall_console_${randomBytes(4).toString('hex')}`;
  const refusals = refusalsIn({
    write: (record) => sources.store((store) => write(store, record)),
    door: name,
    account: '',
    configuration: configured,
    told,
    ...(refusalWindowMs !== undefined && { windowMs: refusalWindowMs }),
  });

  function configured(): string {
    const state = sources.policyState();
    return state.readable ? state.policy.digest : 'unreadable';
  }

  /** What a page says of what went wrong; what nobody foresaw is told where the console runs. */
  function sentenceOf(error: unknown): string {
    if (error instanceof OncallError) return error.message;
    told(error);
    return 'This cannot be shown: something failed that should not. What it was is told where the console runs.';
  }
  const part = (heading: string, work: () => Promise<Html | readonly Html[]>): Promise<Html> =>
    section(heading, work, sentenceOf);

  const sessionOf = (context: Context): Session | undefined => sessions.of(getCookie(context, cookie));

  async function show(context: Context, place: Place, parts: readonly Promise<Html>[]): Promise<Response> {
    const session = sessionOf(context);
    return context.html(pageOf({ title: places[place], place, session, body: await Promise.all(parts) }));
  }

  const outside = async (
    context: Context,
    sentence: string,
    status: 200 | 401 | 403 | 429,
  ): Promise<Response> => context.html(pageOf({ title: 'Sign in', body: plain(sentence) }), status);

  async function refuse(context: Context, refusal: Refusal, sentence: string): Promise<Response> {
    await refusals.note(refusal);
    return context.html(pageOf({ title: 'Refused', body: wrong(sentence) }), 403);
  }

  const app = new Hono();
  app.use(safeHeaders);
  app.use(async (context, next) => {
    const stray = strayIn(context.req, names);
    if (stray) return refuse(context, stray, 'This request is none of this console’s own pages.');
    await next();
    context.header('cache-control', 'no-store');
    return undefined;
  });
  app.use(bodyLimit({ maxSize: longestForm }));
  const asset = (type: string, text: string) => (context: Context) =>
    context.body(text, 200, { 'content-type': `${type}; charset=utf-8` });
  app.get('/console.css', asset('text/css', style));
  app.get('/console.js', asset('text/javascript', script));
  app.get('/icon.svg', asset('image/svg+xml', icon));

  app.get('/sign-in', async (context) => {
    const link = context.req.query('link') ?? '';
    const shown = sessions.look(link);
    if (!shown.ok) return turnedAway(context, shown.why);
    const body = html`<p>You come as <strong>${shown.name}</strong>. The link works once, and for five minutes.</p>
<form method="post" action="/sign-in">${hiddenFields({ link })}<button class="main" autofocus>Sign in as ${shown.name}</button></form>`;
    return context.html(pageOf({ title: 'Sign in', body }));
  });
  app.post('/sign-in', async (context) => {
    const { link } = await context.req.parseBody();
    const came = sessions.signIn(textIn(link));
    if (!('session' in came)) return turnedAway(context, came.ok ? '' : came.why);
    const { secret, session } = came;
    const why = await endedIn(session);
    if (why !== undefined) return outside(context, `Nobody was signed in: ${why}.`, 403);
    await noteSignIn(session);
    setCookie(context, cookie, secret, {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      maxAge: sessionMs / 1_000,
      secure: context.req.header('origin')?.startsWith('https:') === true,
    });
    return context.redirect('/', 303);
  });

  async function turnedAway(context: Context, why: string): Promise<Response> {
    if (tries.take('') > 0)
      return outside(context, 'Too many links that are none. Try again in a minute.', 429);
    await refusals.note({ rule: 'link', why: `the link ${why}` });
    return outside(context, `The link ${why}. ${howToSignIn}`, 403);
  }

  /** Whoever reviews the record sees who was here; that it cannot be written now keeps nobody from looking. */
  async function noteSignIn({ id, name: who }: Session): Promise<void> {
    const record = entryOfNoRun({
      agent: who,
      via: name,
      step: `session ${id}`,
      configuration: configured(),
      operation: 'console.sign_in',
      decision: 'allowed',
      rule: 'link',
      sentence: `${who} signed in to the console, by a link that it had printed.`,
      requestDigest: digestOf(['sign-in', id]),
    });
    await sources.store((store) => write(store, record)).catch(told);
  }

  /**
   * Ends the session of somebody who may not be here any more, and says why; `undefined` where they may.
   * @throws OncallError where that cannot be known now: nobody sees anything until it is, and nobody is signed out.
   */
  async function endedIn(session: Session): Promise<string | undefined> {
    const signer = signerFor(session);
    // A console that signs for nobody takes nobody for an operator.
    const why = signer && (await barredFrom(sources, signer));
    if (why === undefined) return undefined;
    sessions.end(session, `You are signed out: ${why}.`);
    await refusals.note({ rule: 'session', agent: session.name, why });
    return why;
  }

  /** Why a request is nobody's, in a sentence; `undefined` where it is somebody's. Asked anew for each. */
  async function whyNobody(context: Context): Promise<string | undefined> {
    const session = sessionOf(context);
    if (session && (await endedIn(session)) === undefined) return undefined;
    return sessions.whyOver(getCookie(context, cookie)) ?? `You are not signed in. ${howToSignIn}`;
  }

  // From here on nobody comes without a session.
  app.use(async (context, next) => {
    const why = await whyNobody(context);
    if (why !== undefined) return outside(context, why, 401);
    await next();
    return undefined;
  });

  const visitorOf = (context: Context): Visitor | undefined => {
    const session = sessionOf(context);
    return session && { session, signer: signerFor(session) };
  };
  /** A page whose parts hang on who looks. */
  const forVisitor =
    (context: Context, work: (visitor: Visitor) => Promise<Html>) => async (): Promise<Html> => {
      const visitor = visitorOf(context);
      if (!visitor) throw new OncallError('You are signed out.');
      return work(visitor);
    };

  app.get('/', (context) =>
    show(context, '/', [
      part(
        'Waiting for a word',
        forVisitor(context, (visitor) => approvalsOf(sources, visitor)),
      ),
      part('Kill switches', () => switchesOf(sources)),
      part('Runs', () => runsOf(sources, undefined, 10)),
    ]),
  );
  app.get('/agents', (context) =>
    show(context, '/agents', [
      part('Kill switches', () => switchesOf(sources)),
      part('Who may do what', () => matrixOf(sources, now())),
    ]),
  );
  app.get('/audit', (context) => {
    const asked = askedIn((field) => context.req.query(field));
    return show(context, '/audit', [
      Promise.resolve(filtersOf(sources, asked)),
      part('What was decided, and what came of it', () => feedOf(sources, asked)),
    ]);
  });
  app.get('/held', (context) =>
    show(context, '/held', [
      part('Held by runs', () => leasesIn(sources, now())),
      part('Given back to people', () => releasesIn(sources)),
    ]),
  );
  app.get('/budget', (context) =>
    show(context, '/budget', [
      part('Requests of each account', () => budgetsIn(sources)),
      part('Pace', () => pacesIn(sources)),
    ]),
  );
  app.get('/runs', (context) => {
    const outcome = outcomeIn(context.req.query('outcome'));
    return show(context, '/runs', [
      part('By outcome', () => countsOf(sources, outcome)),
      part('The newest', () => runsOf(sources, outcome)),
    ]);
  });
  app.get('/live', (context) => {
    const after = Number(context.req.query('after') ?? Number.NaN);
    const asked = askedIn((field) => context.req.query(field));
    const isIn = async (): Promise<boolean> => (await whyNobody(context)) === undefined;
    return live.stream(context, { ...asked, ...(Number.isSafeInteger(after) && { after }) }, isIn);
  });

  const answering =
    (work: (visitor: Visitor, form: Form) => Promise<NonNullable<Session['told']>>, goesTo: string) =>
    async (context: Context): Promise<Response> => {
      const sent = await context.req.parseBody();
      const visitor = visitorOf(context);
      if (!visitor || !isFormOf(visitor.session, textIn(sent['form'])))
        return refuse(
          context,
          { rule: 'form', agent: visitor?.session.name, why: 'the form was none of this session’s' },
          'This form is none of this session’s: open the page again, and send it from there.',
        );
      const field = (name: keyof Form): string => textIn(sent[name]);
      const form = { run: field('run'), id: field('id'), claim: field('claim'), reason: field('reason') };
      try {
        visitor.session.told = await work(visitor, form);
      } catch (error) {
        visitor.session.told = { sentence: sentenceOf(error), isRefusal: true };
      }
      return context.redirect(goesTo, 303);
    };
  app.post(
    '/approve',
    answering((visitor, form) => approveShown(sources, visitor, form), '/'),
  );
  app.post(
    '/deny',
    answering((visitor, form) => denyShown(sources, visitor, form), '/'),
  );
  app.post('/sign-out', async (context) => {
    const session = sessionOf(context);
    const sent = await context.req.parseBody();
    if (!session || !isFormOf(session, textIn(sent['form'])))
      return refuse(
        context,
        { rule: 'form', why: 'the form was none of this session’s' },
        'Open the page again.',
      );
    sessions.signOut(getCookie(context, cookie) ?? '');
    deleteCookie(context, cookie, { path: '/' });
    return outside(context, `You are signed out. ${howToSignIn}`, 200);
  });
  app.notFound((context) =>
    context.html(
      pageOf({ title: 'Not here', session: sessionOf(context), body: wrong('There is no such page.') }),
      404,
    ),
  );
  app.onError((error, context) => {
    const isAway = error instanceof OncallError;
    // What is away comes back, and the page looks for itself.
    if (isAway && context.req.method === 'GET') context.header('Refresh', '5');
    return context.html(pageOf({ title: 'Not now', body: wrong(sentenceOf(error)) }), isAway ? 503 : 500);
  });

  return {
    app,
    invite: (who) => `/sign-in?link=${sessions.invite(who)}`,
    close: async () => {
      over.abort();
      await refusals.close();
      await sources[Symbol.asyncDispose]();
    },
  };
}

const howToSignIn =
  'Where `oncall console` runs, press Enter: it prints a new link, which works once and for five minutes.';

/** A field of a form; of a file that was sent in its place, nothing. */
const textIn = (field: unknown): string => (typeof field === 'string' ? field : '');
