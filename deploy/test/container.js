/**
 * Runs a service of compose.yaml without a container engine: bubblewrap gives it the files, the names of the other services and the
 * user that an engine would, and it is started with exactly the command and environment of the file.
 *
 * All of it happens in a network of its own, see `npm test`: so every service has its true port, and `0.0.0.0` reaches nobody.
 */

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { mounts } from './compose.js';

/** Below it nothing of this machine is seen but what a native program needs. */
const NATIVE_ROOT = ['--ro-bind', '/usr', '/usr', ...['bin', 'lib', 'lib64'].flatMap((dir) => ['--symlink', `usr/${dir}`, `/${dir}`])];

/**
 * @typedef {object} Program what stands in for a service's image
 * @property {string} [root] the files of a built image
 * @property {string} path within them, or on this machine
 * @property {number} [user] that an image names
 */

export class Container {
  /**
   * @param {string} name
   * @param {import('./compose.js').Service} service
   * @param {Program} program
   * @param {{ folder: string, names: string[] }} place where volumes and logs are, and what the services are called
   */
  constructor(name, service, program, { folder, names }) {
    this.name = name;
    this.log = join(folder, `${name}.log`);
    const hosts = join(folder, `${name}.hosts`);
    writeFileSync(hosts, names.map((name) => `127.0.0.1 ${name}\n`).join(''));
    const args = [
      ...(program.root ? ['--bind', program.root, '/'] : [...NATIVE_ROOT, '--ro-bind', program.path, '/entrypoint']),
      ...(program.user ? ['--unshare-user', '--uid', `${program.user}`, '--gid', `${program.user}`] : []),
      ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--ro-bind', hosts, '/etc/hosts'],
      ...mounts(service).flatMap(({ source, target, isNamed, isReadOnly }) => [
        isReadOnly ? '--ro-bind' : '--bind',
        isNamed ? volume(folder, source) : source,
        target,
      ]),
      ...['--unshare-pid', '--die-with-parent', '--clearenv'],
      // What has no value is set only where the user's own environment sets it.
      ...Object.entries(service.environment ?? {}).flatMap(([name, value]) => (value === null ? [] : ['--setenv', name, value])),
      '--',
      program.root ? program.path : '/entrypoint',
      ...(service.command ?? []),
    ];
    const log = openSync(this.log, 'a');
    this.process = spawn('bwrap', args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.process.on('error', (error) => writeFileSync(this.log, `${error}\n`, { flag: 'a' }));
  }

  /** What it has written. */
  said() {
    return readFileSync(this.log, 'utf8');
  }

  /** Fails when it has ended. */
  assertRuns() {
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) {
      throw new Error(`${this.name} ended with ${exitCode ?? signalCode}:\n${this.said().split('\n').slice(-20).join('\n')}`);
    }
  }

  /** SIGTERM to bubblewrap ends what it runs. */
  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await ended;
  }
}

/** A named volume: a folder that services share. @param {string} folder @param {string} name */
function volume(folder, name) {
  const path = join(folder, 'volumes', name);
  mkdirSync(path, { recursive: true });
  return path;
}
