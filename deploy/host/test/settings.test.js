import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Settings } from '../src/settings.js';
import { makeWorld } from '../testing/world.js';

/** @param {Record<string, string>} values */
const settings = (values) => new Settings('/nowhere', { TELEMETRY_HOST_PASSWORD: 'secret', ...values });

test('the environment wins over .env.deploy, over .env.local, over .env', (t) => {
  const world = makeWorld(t);
  world.write({ A: 'env', B: 'env', C: 'env', D: 'env' });
  world.write({ A: 'local', B: 'local', C: 'local' }, '.env.local');
  world.write({ A: 'deploy', B: 'deploy' }, '.env.deploy');
  const read = new Settings(world.app, { A: 'environment' });
  assert.deepEqual(['A', 'B', 'C', 'D', 'E'].map((name) => read.get(name)), ['environment', 'deploy', 'local', 'env', undefined]);
});

test('an address of a host is taken apart', () => {
  const host = settings({ TELEMETRY_HOST: 'ftps://u%40example.com@ftp.example.com/htdocs/tele%20metry/' }).host();
  assert.equal(host.user, 'u@example.com');
  assert.equal(host.name, 'ftp.example.com');
  assert.equal(host.port, 21);
  assert.equal(host.isImplicit, false);
  assert.equal(host.folder, 'htdocs/tele metry');
});

test('port 990 is FTPS that begins with TLS', () => {
  assert.ok(settings({ TELEMETRY_HOST: 'ftps://u@h:990/x' }).host().isImplicit);
  assert.ok(!settings({ TELEMETRY_HOST: 'sftp://u@h:990/x' }).host().isImplicit);
});

test('a second slash makes the path absolute; none means where the login lands', () => {
  const folder = (/** @type {string} */ path) => settings({ TELEMETRY_HOST: `sftp://u@h:2222${path}` }).host().folder;
  assert.deepEqual(['//var/www', '/www', '/', ''].map(folder), ['/var/www', 'www', '.', '.']);
});

for (const [what, values, message] of /** @type {[string, Record<string, string>, RegExp][]} */ ([
  ['plain FTP', { TELEMETRY_HOST: 'ftp://u@h/x' }, /plain FTP/],
  ['a password in the address', { TELEMETRY_HOST: 'ftps://u:hunter2@h/x' }, /has a password in it/],
  ['an address without a user', { TELEMETRY_HOST: 'ftps://h/x' }, /no address of a host/],
  ['no address', {}, /TELEMETRY_HOST is not set/],
  ['a password that is missing', { TELEMETRY_HOST: 'ftps://u@h/x', TELEMETRY_HOST_PASSWORD: '' }, /PASSWORD is not set/],
  ['a time-out that is no number', { TELEMETRY_HOST: 'ftps://u@h/x', TELEMETRY_TIMEOUT: 'soon' }, /TELEMETRY_TIMEOUT/],
])) {
  test(`${what} is refused before anything is tried`, () => {
    const failure = /** @param {any} error */ (error) => {
      assert.match(error.message, message);
      assert.equal(error.exit, 2);
      assert.ok(error.next);
      assert.doesNotMatch(error.message + error.next, /hunter2/);
      return true;
    };
    assert.throws(() => settings(values).host(), failure);
  });
}

test('a command that does not exist, or none, shows the usage', async (t) => {
  const world = makeWorld(t);
  for (const command of ['', 'upload', 'deploy --force']) {
    const { code, err } = await world.run(command);
    assert.equal(code, 2);
    assert.match(err, /beaconry-host deploy/);
  }
  assert.equal((await world.run('--help')).code, 0);
});
