// The built app in a browser, against a collector: what a visitor does is in the journal, and with the flag off nothing is.
// CHROMIUM and BEACONRY_COLLECTOR name the programs; by default `chromium` and `beaconry` of the PATH.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const folder = mkdtempSync(join(tmpdir(), 'vite-app-'));
let browser;
let collector;
let data; // the collector's

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? find('chromium'), args: ['--no-sandbox'] });
});

after(async () => {
  await browser?.close();
  collector?.kill();
  rmSync(folder, { recursive: true });
});

test('with the flag at ENABLED each of the five types is in the journal', async () => {
  const { page, origin } = await open('ENABLED');
  await page.getByRole('button', { name: /Tea/ }).click();
  for (let n = 0; n < 3; n++) await page.getByRole('button', { name: /Coffee/ }).click();
  await page.getByRole('link', { name: /Cart/ }).click();
  for (const name of [/Pay/, /Throw/, /Reject/]) await page.getByRole('button', { name }).click();
  await page.goto(`${origin}/api/shelf`); // away: what is held goes out
  for (const [type, name] of [
    ['log', 'the cart is full'], ['error', 'the shelf is empty'], ['error', '/api/pay answered 503'], ['error', 'nobody waits for this'],
    ['error', 'POST /api/pay answered 503'], ['metric', 'render'], ['metric', 'show'], ['metric', 'response_time'],
    ['event', 'added to cart'], ['event', 'page_view'], ['event', 'route_change'],
    ['vital', 'LCP'], ['vital', 'FCP'], ['vital', 'TTFB'], ['vital', 'CLS'], ['vital', 'INP'],
  ]) await stored(type, name);
});

test('with the flag at DISABLED nothing is asked for, sent or stored', async () => {
  const { page, asked } = await open('DISABLED');
  await page.getByRole('button', { name: /Throw/ }).click();
  await page.getByText('Telemetry: off').waitFor();
  await page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)));
  assert.deepEqual(asked.filter((url) => /wasm|vitals|\/v1\//.test(url)), []);
  assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)]), [[], []]);
});

/** The app, built for a phase, in a new page. */
async function open(phase) {
  const outDir = join(folder, phase);
  const site = await preview({ build: { outDir }, preview: { port: 0, host: '127.0.0.1' }, logLevel: 'error' });
  after(() => site.close());
  const origin = `http://127.0.0.1:${site.httpServer.address().port}`;
  Object.assign(process.env, { VITE_TELEMETRY_FLAG: phase, VITE_TELEMETRY_URL: `http://${await collect(origin)}/v1/events`, VITE_TELEMETRY_TOKEN: 'example' });
  await build({ build: { outDir }, logLevel: 'error' });
  const page = await browser.newPage();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${origin}/`);
  return { page, origin, asked };
}

/** A collector with a folder of its own, that takes events from this origin; returns its address. */
async function collect(origin) {
  collector?.kill();
  data = mkdtempSync(join(folder, 'data-'));
  const file = join(data, 'address');
  const options = ['--data', data, '--listen', '127.0.0.1:0', '--port-file', file, '--key', 'example', '--app', 'vite-app', '--origin', origin];
  collector = spawn(process.env.BEACONRY_COLLECTOR ?? find('beaconry'), ['serve', ...options], { stdio: 'ignore' });
  return until('the collector listens', () => existsSync(file) && readFileSync(file, 'utf8').trim());
}

/** Waits for an event in the journal. */
function stored(type, name) {
  const isMeant = (line) => line.type === type && [line.data.name, line.data.message].includes(name);
  return until(`${type} ${name}`, () => {
    const files = readdirSync(data).filter((file) => file.endsWith('.jsonl'));
    const lines = files.flatMap((file) => readFileSync(join(data, file), 'utf8').split('\n').slice(0, -1));
    return lines.map((line) => JSON.parse(line)).find(isMeant);
  });
}

async function until(what, ask) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const answer = ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain: ${what}`);
}

function find(program) {
  const found = (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, program)).find((file) => existsSync(file) && !spawnSync(file, ['--version']).error);
  if (!found) throw new Error(`${program} is not on the PATH`);
  return found;
}
