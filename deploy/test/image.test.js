import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { image } from './programs.js';

/** The collector is 10 MB, the C library 3: a base image would show. */
const LIMIT_BYTES = 25 * 1024 * 1024;

const { folder, root, user } = image();
const config = JSON.parse(readFileSync(join(folder, 'image.json'), 'utf8'));
const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((file) => file.isFile())
  .map((file) => join(file.parentPath ?? file.path, file.name));

test('the image has the collector, what it is linked with, certificates, and nothing more', () => {
  const names = files.map((file) => file.slice(root.length)).filter((name) => !/\/lib[\w.+-]+\.so|\/ld-linux/.test(name));
  // The engine's own three are empty.
  assert.deepEqual(names.filter((name) => !/^\/etc\/(hosts|hostname|resolv.conf)$/.test(name)).sort(), [
    '/etc/ssl/certs/ca-certificates.crt',
    '/usr/bin/beaconry',
  ]);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(bytes < LIMIT_BYTES, `${bytes} bytes`);
});

test('it starts the collector, and not as root', () => {
  assert.deepEqual(config.Entrypoint, ['/usr/bin/beaconry']);
  assert.match(config.User, /^[1-9]\d*:[1-9]\d*$/);
  const says = execFileSync(
    'bwrap',
    ['--bind', root, '/', '--unshare-user', '--uid', `${user}`, '--clearenv', '--', ...config.Entrypoint, '--version'],
    { encoding: 'utf8' },
  );
  assert.match(says, /^beaconry \d+\.\d+\.\d+/);
});

test('a new volume at /data belongs to its user', () => {
  assert.equal(statSync(join(root, 'data')).uid, user);
});
