import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { fillConfig } from '../src/deploy/config.js';
import { readSource } from '../src/deploy/source.js';
import { Settings } from '../src/settings.js';
import { makeWorld } from '../testing/world.js';

const APP = {
  TELEMETRY_HOST: 'ftps://u@h/htdocs/telemetry',
  TELEMETRY_HOST_PASSWORD: 'x',
  VITE_TELEMETRY_URL: 'https://app.example/telemetry/ingest.php',
  VITE_TELEMETRY_TOKEN: "it's a \\ key",
  VITE_APP: 'shop $1',
};

/**
 * What PHP makes of the config.php that is made from the real example.
 * @param {import('node:test').TestContext} t
 * @param {Record<string, string>} values
 */
function made(t, values) {
  const settings = new Settings('/nowhere', { ...APP, ...values });
  const dir = join(makeWorld(t).dir, 'htdocs', 'telemetry');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.php'), fillConfig(readSource(settings).configExample, settings, settings.host()));
  const php = spawnSync('php', ['-r', `echo json_encode(require '${join(dir, 'config.php')}');`], { encoding: 'utf8' });
  return JSON.parse(php.stdout.replaceAll(join(dir, '../..').replaceAll('/', '\\/'), 'ACCOUNT'));
}

test('key, app and origins of .env stand in config.php, whatever they are made of', (t) => {
  const config = made(t, { TELEMETRY_ORIGIN: 'https://app.example, http://localhost:5173' });
  assert.deepEqual(config.keys, { "it's a \\ key": 'shop $1' });
  assert.deepEqual(config.origins, ['https://app.example', 'http://localhost:5173']);
  assert.equal(config.data[0], 'ACCOUNT/beaconry-data');
});

test('without an origin of its own the app lies beside its collector', (t) => {
  assert.deepEqual(made(t, {}).origins, ['https://app.example']);
});

test('a log folder of one\'s own is named from where config.php lies', (t) => {
  assert.deepEqual(made(t, { TELEMETRY_LOGS: 'logs/telemetry' }).data, ['ACCOUNT/htdocs/telemetry/../../logs/telemetry']);
  assert.deepEqual(made(t, { TELEMETRY_LOGS: '/srv/logs' }).data, ['/srv/logs']);
});

test('the real drop-in loads its library under the name of its version', () => {
  const source = readSource(new Settings('/nowhere', {}));
  const entry = source.files.at(-1);
  assert.equal(entry?.path, 'ingest.php');
  assert.match(entry?.bytes.toString() ?? '', new RegExp(`'/${source.library}/autoload\\.php'`));
  assert.ok(source.libraryFiles.some(({ path }) => path === `${source.library}/autoload.php`));
  for (const { path, bytes } of source.libraryFiles) {
    assert.doesNotMatch(bytes.toString(), /['"/]lib\//, `${path} names the folder that it lies in`);
  }
  assert.ok(readFileSync(new URL('../../php/ingest.php', import.meta.url), 'utf8').includes("'/lib/autoload.php'"));
});
