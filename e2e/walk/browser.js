import { createRequire } from 'node:module';

import { cleanUp } from '../../deploy/host/testing/clean-up.js';
import { until } from '../../deploy/host/testing/process.js';

const require = createRequire(new URL('../../examples/vite-app/package.json', import.meta.url));
/** @type {typeof import('../../examples/vite-app/node_modules/playwright-core/index.js')} */
const { chromium } = require('playwright-core');

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update'];

/** @typedef {import('../../examples/vite-app/node_modules/playwright-core/index.js').BrowserContext} Visitor */

/**
 * A browser, whose visitors have a storage of their own each.
 * @param {import('node:test').TestContext} t
 */
export async function startBrowser(t) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? 'chromium', args: FLAGS });
  cleanUp(t, () => browser.close());
  return { newVisitor: () => browser.newContext() };
}

/**
 * A visit, from the first page to the last.
 * @param {Visitor} visitor
 * @param {string} site
 * @returns {Promise<{ asked: string[], stored: string[] }>} what was asked for, and the keys that are stored at the end
 */
export async function visit(visitor, site) {
  const page = await visitor.newPage();
  /** @type {string[]} */
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(site);
  await page.getByRole('button', { name: /Tea/ }).click();
  for (let count = 0; count < 3; count += 1) await page.getByRole('button', { name: /Coffee/ }).click();
  await page.getByRole('link', { name: /Cart/ }).click();
  for (const name of [/Throw/, /Reject/]) await page.getByRole('button', { name }).click();
  // The page shows what telemetry does: `off` at once, or `wasm` as soon as that is there.
  await until('telemetry is off, or on its way', async () => /off|wasm/.test((await page.locator('#telemetry').textContent()) ?? ''));
  await page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)));
  if (isOn(asked)) await until('everything is delivered', () => page.evaluate(isEmpty));
  const stored = await page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)]);
  await page.close();
  return { asked, stored };
}

/**
 * Whether a page of these requests had telemetry.
 * @param {string[]} asked
 */
export function isOn(asked) {
  return asked.some((url) => /\.wasm$|\/ingest\.php/.test(url));
}

/** Whether no batch waits in the storage. Runs in the page. */
function isEmpty() {
  return Object.keys(localStorage).every((key) => !/^bcn1:.*:\d+$/.test(key));
}
