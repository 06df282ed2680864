// docs/workflow.md, walked from its beginning to its end, as a team with a host of 0 $ would: everything in it is real.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { startApache } from '../../deploy/host/testing/apache.js';
import { startHost } from '../../deploy/host/testing/hosts.js';
import { nobody, until } from '../../deploy/host/testing/process.js';
import { makeWorld } from '../../deploy/host/testing/world.js';
import { isOn, startBrowser, visit } from './browser.js';
import { startLoki } from './loki.js';
import { countByType, makeTeam, readJournals } from './team.js';

const KEY = 'the-walk';
/** Percent of the visitors that the rollout is for. */
const ROLLOUT = '50';
/** So many visitors are all in, or all out, in one of 500,000 walks. */
const VISITORS = 20;
const TYPES = ['error', 'event', 'log', 'metric', 'vital'];

test('from DISABLED to an answer of Loki, and back', async (t) => {
  const world = makeWorld(t);
  const host = await startHost(t, 'ftps', world.dir, { asNobody: true });
  const htdocs = join(host.root, 'htdocs');
  const apache = await startApache(t, join(world.dir, 'apache'), htdocs);
  const site = `${apache.origin}/`;
  writeShelf(htdocs);
  const loki = await startLoki(t, join(world.dir, 'loki'));
  const downloads = join(world.dir, 'downloads');
  const collector = process.env.BEACONRY_COLLECTOR;
  assert.ok(collector, 'BEACONRY_COLLECTOR names no collector: run `cargo xtask test walk`');
  const team = makeTeam(
    {
      ...host.settings,
      VITE_TELEMETRY_URL: `${site}telemetry/ingest.php`,
      VITE_TELEMETRY_TOKEN: KEY,
      VITE_APP: 'shop',
      VITE_RELEASE: '1.0.0',
      TELEMETRY_DOWNLOADS: downloads,
      TELEMETRY_COLLECTOR: collector,
      TELEMETRY_LOKI: loki.url,
      TELEMETRY_TIMEOUT: '30',
    },
    (line) => t.diagnostic(line),
  );
  const browser = await startBrowser(t);
  const builds = (/** @type {string} */ phase) => join(world.dir, 'builds', phase);
  const release = (/** @type {string} */ phase) => cpSync(builds(phase), htdocs, { recursive: true });

  await t.test('switched off, nothing is loaded', async () => {
    await team.build('DISABLED', builds('DISABLED'));
    release('DISABLED');
    const { asked, stored } = await visit(await browser.newVisitor(), site);
    assert.ok(asked.length > 1 && !isOn(asked), asked.join(' '));
    assert.deepEqual(stored, []);
  });

  await t.test('the endpoint is deployed, and checked', async () => {
    assert.match(await team.npm('deploy:telemetry'), /answers, and may write its logs/);
    assert.match(await team.npm('telemetry:check'), /all is well: set the flag to ROLLOUT/);
    assert.ok(existsSync(join(host.site, 'config.php')));
  });

  await t.test('in the ROLLOUT some visitors have it, and the same ones again', async () => {
    await team.build('ROLLOUT', builds('ROLLOUT'), { VITE_TELEMETRY_ROLLOUT: ROLLOUT });
    release('ROLLOUT');
    const seen = new Map();
    for (let count = 0; count < VISITORS && seen.size < 2; count += 1) {
      const visitor = await browser.newVisitor();
      seen.set(isOn((await visit(visitor, site)).asked), visitor);
    }
    assert.equal(seen.size, 2, 'all of the visitors were in, or all out');
    for (const [was, visitor] of seen) assert.equal(isOn((await visit(visitor, site)).asked), was);
  });

  const visitor = await browser.newVisitor();
  await t.test('ENABLED, everybody has it', async () => {
    await team.build('ENABLED', builds('ENABLED'));
    release('ENABLED');
    for (let count = 0; count < 2; count += 1) assert.ok(isOn((await visit(visitor, site)).asked));
  });

  await t.test('what they did is brought home, and Loki knows it', async () => {
    await team.npm('telemetry:download');
    const lines = readJournals(downloads);
    const counts = countByType(lines);
    assert.deepEqual(TYPES.filter((type) => !counts[type]), [], JSON.stringify(counts));
    assert.ok(lines.some(({ type, data }) => type === 'error' && data.message === 'the shelf is empty'));
    assert.ok(lines.every(({ app }) => app === 'shop'));
    await team.npm('telemetry:import');
    await until('Loki has what was imported', async () => same(await loki.countByType('{app="shop"}'), counts));
    await team.npm('telemetry:download');
    await team.npm('telemetry:import');
    const later = countByType(readJournals(downloads));
    await until('a second import adds what is new alone', async () => same(await loki.countByType('{app="shop"}'), later));
  });

  await t.test('rolled back, nothing is loaded, and nothing stays behind', async () => {
    release('DISABLED');
    const { asked, stored } = await visit(visitor, site);
    assert.ok(!isOn(asked), asked.join(' '));
    assert.deepEqual(stored, []);
    await team.npm('telemetry:download');
    const before = readJournals(downloads).length;
    await visit(visitor, site);
    await team.npm('telemetry:download');
    assert.equal(readJournals(downloads).length, before);
  });
});

/**
 * The shop's server, as far as this app needs one.
 * @param {string} htdocs
 */
function writeShelf(htdocs) {
  const items = ['Tea', 'Coffee', 'Cocoa'].map((name, id) => ({ id, name, cents: 250 }));
  mkdirSync(join(htdocs, 'api'));
  writeFileSync(join(htdocs, 'api', 'shelf'), JSON.stringify(items));
  nobody.own(htdocs);
}

/**
 * @param {Record<string, number>} left
 * @param {Record<string, number>} right
 */
function same(left, right) {
  const sorted = (/** @type {Record<string, number>} */ counts) => JSON.stringify(Object.entries(counts).sort());
  return sorted(left) === sorted(right);
}
