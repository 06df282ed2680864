import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { startApache } from '../testing/apache.js';
import { startHost } from '../testing/hosts.js';
import { nobody } from '../testing/process.js';
import { makeWorld } from '../testing/world.js';

/**
 * A host of 0 $: FTPS, and Apache with PHP, of the same user; and a team with the real drop-in.
 * @param {import('node:test').TestContext} t
 * @param {Parameters<typeof startApache>[3]} [how]
 */
async function setUp(t, how) {
  const world = makeWorld(t);
  const host = await startHost(t, 'ftps', world.dir, { asNobody: true });
  const apache = await startApache(t, join(world.dir, 'apache'), join(host.root, 'htdocs'), how);
  nobody.own(host.root);
  const settings = {
    ...host.settings,
    VITE_TELEMETRY_URL: `${apache.origin}/telemetry/ingest.php`,
    VITE_TELEMETRY_TOKEN: 'the-key',
    VITE_APP: 'shop',
    TELEMETRY_ORIGIN: 'https://app.example',
  };
  world.write(settings);
  const config = join(host.site, 'config.php');
  return {
    world,
    host,
    config: {
      read: () => readFileSync(config, 'utf8'),
      // A PHP that keeps compiled files looks for a newer one.
      write: (/** @type {string} */ text) => writeFileSync(config, text),
    },
  };
}

test('deploy, check, download: an event makes the whole way', async (t) => {
  const { world, host } = await setUp(t);
  const deployed = await world.run('deploy');
  assert.equal(deployed.code, 0, deployed.out + deployed.err);
  assert.match(deployed.out, /answers, and may write its logs/);
  const checked = await world.run('check');
  assert.equal(checked.code, 0, checked.out + checked.err);
  assert.doesNotMatch(checked.out, /skip/);
  const [, id] = /is stored: (\S+)/.exec(checked.out) ?? [];
  const downloaded = await world.run('download');
  assert.equal(downloaded.code, 0, downloaded.err);
  const [journal = ''] = readdirSync(join(world.app, 'telemetry-logs'));
  const lines = readFileSync(join(world.app, 'telemetry-logs', journal), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines.filter((line) => line.id === id && line.app === 'shop').length, 1);
  assert.match((await world.run('deploy')).out, /everything was there already/);
  assert.ok(readdirSync(host.logs).some((name) => name.startsWith('index-')));
});

test('a journal that the drop-in packs itself is completed', async (t) => {
  const { world, host } = await setUp(t);
  await world.run('deploy');
  await world.run('check');
  await world.run('download');
  const downloads = join(world.app, 'telemetry-logs');
  const [today = ''] = readdirSync(downloads);
  const before = readFileSync(join(downloads, today), 'utf8');
  // The same lines, of a day that is over.
  const day = 'events-2026-01-02.jsonl';
  const name = readdirSync(host.logs).find((file) => file.startsWith('events-')) ?? '';
  writeFileSync(join(host.logs, `${day}.php`), readFileSync(join(host.logs, name)));
  nobody.own(host.logs);
  await world.run('download');
  const rotate = spawnSync('php', [join(host.site, 'rotate-logs.php')], { ...nobody.user, encoding: 'utf8' });
  assert.equal(rotate.status, 0, rotate.stdout + rotate.stderr);
  const rotated = readdirSync(host.logs).filter((file) => file.startsWith(day));
  // Older than keep_days is deleted there, and stays here.
  assert.ok(!rotated.includes(`${day}.php`), rotated.join());
  const { code, err } = await world.run('download');
  assert.equal(code, 0, err);
  assert.equal(readFileSync(join(downloads, day), 'utf8'), before);
});

test('a log folder that PHP may not write to fails the deploy, with what to do', async (t) => {
  const { world, host } = await setUp(t);
  mkdirSync(host.logs);
  chmodSync(host.logs, 0o555);
  const { code, out, err } = await world.run('deploy');
  assert.equal(code, 1);
  assert.match(out, /this login may not write there/);
  assert.match(err, /answers 503: The folder .*beaconry-data cannot be written to: .*chmod/);
  chmodSync(host.logs, 0o755);
  nobody.own(host.logs);
  assert.equal((await world.run('deploy')).code, 0);
});

for (const [what, change, message] of /** @type {[string, (text: string) => string, RegExp][]} */ ([
  ['a key that config.php has not', (text) => text.replace('the-key', 'another'), /answers 401: no such key.*\n {2}next: .*config\.php/],
  ['an origin that config.php has not', (text) => text.replace('app.example', 'other.example'), /answers 403: .*origins/],
  ['a phase that is DISABLED', (text) => text.replace("'phases' => [", "'phases' => ['the-key' => 'DISABLED'"), /answers 410: .*switched off\n {2}next: .*ENABLED/],
  ['a config.php with a mistake', (text) => text.replace('return [', 'return [['), /answers 503: config\.php, line \d+/],
])) {
  test(`${what} is explained`, async (t) => {
    const { world, config } = await setUp(t);
    assert.equal((await world.run('deploy')).code, 0);
    config.write(change(config.read()));
    const { code, err } = await world.run('check');
    assert.equal(code, 1);
    assert.match(err, message);
  });
}

test('a PHP without SQLite is named', async (t) => {
  const { world } = await setUp(t, { withoutSqlite: true });
  const { code, err } = await world.run('deploy');
  assert.equal(code, 1);
  assert.match(err, /answers 503: The PHP extension pdo_sqlite is missing/);
});

test('a host that runs no PHP is named', async (t) => {
  const { world } = await setUp(t, { php: 'none' });
  const { code, err } = await world.run('deploy');
  assert.equal(code, 1);
  assert.match(err, /the source of the PHP file comes/);
});

test('journals that anyone can read are found', async (t) => {
  const { world, host } = await setUp(t, { php: 'entry alone' });
  world.write({ ...host.settings, TELEMETRY_LOGS: 'htdocs/telemetry/data', VITE_TELEMETRY_URL: '' }, '.env.local');
  assert.equal((await world.run('deploy')).code, 0);
  const { code, out } = await world.run('check');
  assert.equal(code, 1);
  assert.match(out, /FAIL {2}journals and settings cannot be downloaded: anyone can read http:\S+/);
});
