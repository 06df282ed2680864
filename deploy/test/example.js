/** A visit to the example app, `examples/vite-app`: built for the collector of the compose file, served, and used in a real browser. */

import { execFileSync, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { COLLECTOR } from './servers.js';
import { answers, until } from './wait.js';

const APP_FOLDER = fileURLToPath(new URL('../../examples/vite-app/', import.meta.url));
const VITE = 'node_modules/vite/bin/vite.js';
const PORT = 4173;

export const ORIGIN = `http://127.0.0.1:${PORT}`;
export const KEY = 'example';
export const APP = 'vite-app';

/** Buys too much, pays in vain, and meets what can go wrong. @param {string} folder for the built app */
export async function visit(folder) {
  const chromium = process.env.CHROMIUM;
  if (!chromium) throw new Error('CHROMIUM names no browser: run `cargo xtask test deploy`');
  const env = {
    ...process.env,
    VITE_TELEMETRY_FLAG: 'ENABLED',
    VITE_TELEMETRY_URL: `${COLLECTOR}/v1/events`,
    VITE_TELEMETRY_TOKEN: KEY,
    VITE_APP: APP,
    VITE_RELEASE: '1.4.2',
  };
  const outDir = join(folder, 'app');
  execFileSync('node', [VITE, 'build', '--logLevel=error', '--emptyOutDir', '--outDir', outDir], {
    cwd: APP_FOLDER,
    env,
    stdio: 'inherit',
  });
  const server = spawn('node', [VITE, 'preview', '--outDir', outDir, '--host', '127.0.0.1', '--strictPort', '--port', `${PORT}`], {
    cwd: APP_FOLDER,
    env,
    stdio: 'ignore',
  });
  const playwright = createRequire(APP_FOLDER)('playwright-core');
  const browser = await playwright.chromium.launch({
    executablePath: chromium,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  try {
    await until('Vite serves', () => answers(ORIGIN));
    const page = await browser.newPage();
    await page.goto(`${ORIGIN}/`);
    await page.getByRole('button', { name: /Tea/ }).click();
    for (let n = 0; n < 3; n += 1) await page.getByRole('button', { name: /Coffee/ }).click();
    await page.getByRole('link', { name: /Cart/ }).click();
    for (const name of [/Pay/, /Throw/, /Reject/]) await page.getByRole('button', { name }).click();
    // The failed request is told in the task after.
    await page.waitForFunction(() => performance.getEntriesByName(`${location.origin}/api/pay`).length > 0);
    await page.goto(`${ORIGIN}/api/shelf`); // away: what is held goes out
  } finally {
    await browser.close();
    server.kill();
  }
}
