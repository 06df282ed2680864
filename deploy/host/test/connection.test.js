import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { openRemote } from '../src/remote/open.js';
import { Settings } from '../src/settings.js';
import { cleanUp } from '../testing/clean-up.js';
import { PROTOCOLS, startHost } from '../testing/hosts.js';
import { freePort } from '../testing/process.js';
import { makeWorld } from '../testing/world.js';

// `download` of a host without logs: the smallest command that logs in.
const LOGGED_IN = /the host has no folder/;

for (const protocol of PROTOCOLS) {
  test(`${protocol}: a host that is unknown gets no password, and shows its fingerprint`, async (t) => {
    const world = makeWorld(t);
    const host = await startHost(t, protocol, world.dir);
    world.write({ ...host.settings, TELEMETRY_HOST_FINGERPRINT: '' });
    const unknown = await world.run('download');
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /is not trusted.*No password was sent/);
    const [, shown] = /TELEMETRY_HOST_FINGERPRINT=(\S+)/.exec(unknown.err) ?? [];
    assert.equal(shown, host.fingerprint);
    assert.match((await world.run('download', { TELEMETRY_HOST_FINGERPRINT: shown ?? '' })).err, LOGGED_IN);
  });

  test(`${protocol}: a host with another key than before gets no password`, async (t) => {
    const world = makeWorld(t);
    const host = await startHost(t, protocol, world.dir);
    world.write(host.settings);
    const other = host.fingerprint.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    const { code, err } = await world.run('download', { TELEMETRY_HOST_FINGERPRINT: other });
    assert.equal(code, 2);
    assert.match(err, /not that of TELEMETRY_HOST_FINGERPRINT.*No password was sent/);
  });

  test(`${protocol}: a wrong password is named, and never shown`, async (t) => {
    const world = makeWorld(t);
    const host = await startHost(t, protocol, world.dir);
    world.write({ ...host.settings, TELEMETRY_HOST_KEY_FILE: '' });
    const { code, out, err } = await world.run('download', { TELEMETRY_HOST_PASSWORD: 'hunter2' });
    assert.equal(code, 2);
    assert.match(err, /refused the login of .*\n {2}next: .*TELEMETRY_HOST_PASSWORD/);
    assert.doesNotMatch(out + err, /hunter2/);
  });

  test(`${protocol}: a host where nothing listens is unreachable`, async (t) => {
    const world = makeWorld(t);
    const port = await freePort();
    world.write({ TELEMETRY_HOST: `${protocol}://u@127.0.0.1:${port}/site`, TELEMETRY_HOST_PASSWORD: 'x' });
    const { code, err } = await world.run('download');
    assert.equal(code, 3);
    assert.match(err, /cannot reach 127\.0\.0\.1:\d+: nothing listens there/);
  });
}

test('ftps: an authority of one\'s own is trusted where it is named', async (t) => {
  const world = makeWorld(t);
  const host = await startHost(t, 'ftps', world.dir);
  world.write({ ...host.settings, TELEMETRY_HOST_FINGERPRINT: '', TELEMETRY_HOST_CA: host.certificate ?? '' });
  assert.match((await world.run('download')).err, LOGGED_IN);
});

test('ftps: a host that begins with TLS is spoken to so, and checked as the others are', async (t) => {
  const world = makeWorld(t);
  const host = await startHost(t, 'ftps', world.dir, { isImplicit: true });
  const settings = (/** @type {Record<string, string>} */ more) => ({ ...new Settings('/nowhere', { ...host.settings, ...more }).host(), isImplicit: true });
  await assert.rejects(openRemote(settings({ TELEMETRY_HOST_FINGERPRINT: '' })), /is not trusted/);
  const remote = await openRemote(settings({}));
  cleanUp(t, remote.close);
  await remote.makeFolder('a');
  await remote.write('a/b', Buffer.from('over a data connection'));
  assert.deepEqual(await remote.files('a'), [{ name: 'b', size: 22 }]);
});

test('ftps: commands and files all go under TLS', async (t) => {
  const world = makeWorld(t);
  const host = await startHost(t, 'ftps', world.dir);
  world.write(host.settings);
  await world.run('download');
  const log = readFileSync(join(world.dir, 'ftps', 'vsftpd.log'), 'utf8');
  const commands = [...log.matchAll(/FTP command: Client "[^"]*", "(\w+)/g)].map(([, name]) => name);
  assert.ok(commands.indexOf('AUTH') >= 0 && commands.indexOf('AUTH') < commands.indexOf('USER'), commands.join(' '));
  assert.ok(commands.includes('PROT'));
});

test('sftp: a key with a passphrase takes it from the password', async (t) => {
  const world = makeWorld(t);
  const host = await startHost(t, 'sftp', world.dir);
  const file = host.settings.TELEMETRY_HOST_KEY_FILE ?? '';
  assert.equal(spawnSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', file]).status, 0);
  world.write(host.settings);
  assert.match((await world.run('download', { TELEMETRY_HOST_PASSWORD: 'open sesame' })).err, LOGGED_IN);
  const wrong = await world.run('download', { TELEMETRY_HOST_PASSWORD: 'hunter2' });
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /cannot use the private key/);
  assert.doesNotMatch(wrong.out + wrong.err, /hunter2/);
});

test('sftp: a key file that is none is named', async (t) => {
  const world = makeWorld(t);
  const host = await startHost(t, 'sftp', world.dir);
  world.write(host.settings);
  const broken = await world.run('download', { TELEMETRY_HOST_KEY_FILE: join(world.app, '.env') });
  assert.equal(broken.code, 2);
  assert.match(broken.err, /cannot use the private key/);
  const missing = await world.run('download', { TELEMETRY_HOST_KEY_FILE: 'nowhere' });
  assert.match(missing.err, /cannot read TELEMETRY_HOST_KEY_FILE/);
  assert.ok(!existsSync(join(world.app, 'nowhere')));
});
