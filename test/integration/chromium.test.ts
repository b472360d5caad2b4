import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Chromium, startChromium, withoutChromium } from '../support/chromium.ts';

describe.skipIf(withoutChromium !== '')(`what tests see in Chromium${withoutChromium}`, () => {
  let browser: Chromium;
  let server: Server;
  let url: string;
  const pages: Readonly<Record<string, string>> = {
    '/': '<h1>Here</h1><a href="/there">There</a><button id="b">Press</button>',
    '/there': '<p>There it is.</p>',
    '/wide': '<div style="width: 2000px">wide</div>',
    '/broken': '<script>throw new Error("it broke")</script>',
  };
  beforeAll(async () => {
    browser = await startChromium();
    server = createServer(({ url: path = '' }, answer) => {
      answer.setHeader('content-type', 'text/html');
      answer.end(`<!doctype html><link rel="icon" href="data:,">${pages[path] ?? ''}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    server.close();
  });

  test('is what a person sees, and reaches by keys alone', async () => {
    const window = await browser.open(url);
    expect(await window.text()).toContain('Here');
    await window.tabTo('There');
    await window.press('Enter');
    await window.page.waitForURL(`${url}/there`);
    expect(await window.text()).toBe('There it is.');
    await expect(window.tabTo('Nowhere')).rejects.toThrow(/Tab never came to "Nowhere"/);
    expect(window.complaints).toEqual([]);
    await window.close();
  });

  test('a page that is too wide, and one that breaks, are found out', async () => {
    const window = await browser.open(`${url}/wide`, { viewport: { width: 375, height: 700 } });
    expect(await window.excess()).toBeGreaterThan(1_000);
    await window.goto(`${url}/broken`);
    expect(window.complaints).toEqual(['it broke']);
    await window.close();
  });

  test('a picture is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'oncall-picture-'));
    const window = await browser.open(url, { colorScheme: 'dark' });
    await window.picture(join(folder, 'page.png'));
    expect(readFileSync(join(folder, 'page.png')).subarray(1, 4).toString()).toBe('PNG');
    await window.close();
    rmSync(folder, { recursive: true });
  });
});
