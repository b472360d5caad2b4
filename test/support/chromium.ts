import { accessSync, constants } from 'node:fs';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { until } from './until.ts';

/** Where Debian and others put it. */
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const found = places.find((place) => {
  try {
    accessSync(place, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

/** Says what is missing, in the name of what is skipped for it; empty where Chromium is there. */
export const withoutChromium = found === undefined ? ' (needs Chromium: apt-get install chromium)' : '';

/** How a window looks to a page. */
export type Look = Pick<BrowserContextOptions, 'viewport' | 'colorScheme' | 'timezoneId'>;

/** A real browser. Close it in `afterAll`. */
export interface Chromium extends AsyncDisposable {
  /** A page in a window of its own, which shares no cookies with others. */
  readonly open: (url: string, look?: Look) => Promise<BrowserWindow>;
}

/** A page, and how people use it. */
export interface BrowserWindow {
  readonly page: Page;
  /** What the console holds against the page so far: errors, what its policy refused, and what threw. */
  readonly complaints: readonly string[];
  readonly goto: (url: string) => Promise<void>;
  /** Presses keys one after the other, by their names: `Tab`, `Enter`, `a`. */
  readonly press: (...keys: readonly string[]) => Promise<void>;
  /** Presses Tab until what has the focus shows this text or has this name; fails where it never comes. */
  readonly tabTo: (label: string) => Promise<void>;
  /** Waits until what has the focus shows this text or has this name. A page that is drawn gives it a moment later. */
  readonly focusOn: (label: string) => Promise<void>;
  /** The text that people see. */
  readonly text: () => Promise<string>;
  /** How much wider the page is than its window, in pixels. */
  readonly excess: () => Promise<number>;
  /** A picture of the whole page. */
  readonly picture: (file: string) => Promise<void>;
  readonly setLook: (look: Look) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts Chromium, without a window of its own. */
export async function startChromium(): Promise<Chromium> {
  if (found === undefined) throw new Error('There is no Chromium; `apt-get install chromium`.');
  const browser = await chromium.launch({
    executablePath: found,
    // Without colours at the edges of letters a picture is smaller.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-lcd-text'],
  });
  return {
    open: async (url, look = {}) => {
      const context = await browser.newContext(look);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(url);
      return windowOf(page, complaints, () => context.close());
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** So many Tabs, and what one looks for should have come. */
const mostTabs = 100;

function windowOf(page: Page, complaints: readonly string[], close: () => Promise<void>): BrowserWindow {
  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  // As text: what runs in the browser knows names that Node's types do not.
  const focused = (): Promise<readonly string[]> =>
    page.evaluate(`[document.activeElement?.textContent?.trim() ?? '', document.activeElement?.name ?? '']`);
  return {
    page,
    complaints,
    goto: async (url) => void (await page.goto(url)),
    press,
    tabTo: async (label) => {
      for (let tabs = 0; tabs < mostTabs; tabs += 1) {
        await press('Tab');
        if ((await focused()).includes(label)) return;
      }
      throw new Error(`Tab never came to ${JSON.stringify(label)} on ${page.url()}.`);
    },
    focusOn: async (label) => {
      await until(`${JSON.stringify(label)} has the focus`, async () => (await focused()).includes(label));
    },
    text: () => page.locator('body').innerText(),
    excess: () =>
      page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
    picture: async (file) => void (await page.screenshot({ path: file, fullPage: true })),
    setLook: async ({ viewport, colorScheme }) => {
      if (viewport) await page.setViewportSize(viewport);
      if (colorScheme) await page.emulateMedia({ colorScheme });
    },
    close,
  };
}
