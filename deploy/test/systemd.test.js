import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { image } from './programs.js';

const UNITS = fileURLToPath(new URL('../systemd/', import.meta.url));
const names = readdirSync(UNITS).filter((name) => /\.(service|timer)$/.test(name));
/** 0 is as closed as can be, 10 is open; what listens on a port cannot get to 0. */
const MOST_EXPOSED = 2;

const folder = mkdtempSync(join(tmpdir(), 'beaconry-systemd-'));
after(() => rmSync(folder, { recursive: true }));

/** The units with a program that is there: systemd-analyze looks for it. */
const units = () => {
  for (const name of names)
    writeFileSync(join(folder, name), readFileSync(join(UNITS, name), 'utf8').replaceAll('/usr/local/bin/beaconry', '/bin/true'));
  return names.map((name) => join(folder, name));
};

/** @param {string} program @param {string[]} args */
const run = (program, ...args) => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, SYSTEMD_LOG_LEVEL: 'warning' } });
  return { status, said: `${stdout}${stderr}` };
};

test('systemd finds nothing wrong with the units', () => {
  assert.equal(names.length, 4);
  const { status, said } = run('systemd-analyze', 'verify', '--man=no', ...units());
  assert.equal(status, 0, said);
  // A warning names the unit that it is about; of other units on this machine there may be some.
  assert.deepEqual(
    said.split('\n').filter((line) => line.includes('beaconry')),
    [],
  );
});

test('every service is shut off from what it does not need', () => {
  for (const unit of units().filter((unit) => unit.endsWith('.service'))) {
    const { status, said } = run('systemd-analyze', 'security', '--offline=true', `--threshold=${MOST_EXPOSED * 10}`, unit);
    assert.equal(status, 0, `${unit}\n${said}`);
  }
});

test('the collector takes the example configuration, with the environment of its unit', () => {
  const { root } = image();
  mkdirSync(join(folder, 'data'));
  cpSync(join(UNITS, 'beaconry.toml'), join(folder, 'beaconry.toml'));
  const unit = readFileSync(join(UNITS, 'beaconry.service'), 'utf8');
  const [, command = ''] = unit.match(/^ExecStartPre=\S+ (.*)$/m) ?? [];
  const [, environment = ''] = unit.match(/^Environment=(.*)$/m) ?? [];
  const { status, said } = run(
    'bwrap',
    ...[
      '--bind',
      root,
      '/',
      '--bind',
      join(folder, 'data'),
      '/var/lib/beaconry',
      '--ro-bind',
      join(folder, 'beaconry.toml'),
      '/etc/beaconry.toml',
    ],
    ...['--proc', '/proc', '--dev', '/dev', '--clearenv'],
    ...environment.split(' ').flatMap((pair) => ['--setenv', ...pair.split('=')]),
    ...['--', '/usr/bin/beaconry', ...command.split(' ')],
  );
  assert.equal(status, 0, said);
  for (const expected of ['shop', 'journal.keep_days', '/etc/beaconry.toml'])
    assert.ok(said.includes(expected), `${expected} is not in\n${said}`);
});

test('the commented lines of the example configuration are lines of a configuration too', () => {
  const { root } = image();
  const text = readFileSync(join(UNITS, 'beaconry.toml'), 'utf8')
    .replace(/^# (?=[a-z_]+ = )/gm, '')
    .replace('/var/lib/beaconry', '/tmp');
  writeFileSync(join(folder, 'all.toml'), text);
  const { status, said } = run(
    'bwrap',
    '--bind',
    root,
    '/',
    '--tmpfs',
    '/tmp',
    '--ro-bind',
    join(folder, 'all.toml'),
    '/etc/all.toml',
    '--',
    '/usr/bin/beaconry',
    'config',
    'check',
    '--config',
    '/etc/all.toml',
  );
  assert.equal(status, 0, said);
  assert.ok(said.includes('limits.address_header'), said);
});
