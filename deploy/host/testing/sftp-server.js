import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { freePort, listening, stop } from './process.js';

/** Debian's; run by its full name, for it starts itself again. */
const SSHD = '/usr/sbin/sshd';

/**
 * Debian's sshd, for the user who runs the test and the key that is made here.
 * @param {string} dir a folder of its own
 */
export async function startSftp(dir) {
  const root = join(dir, 'root');
  mkdirSync(root, { recursive: true });
  // Where sshd runs as root it wants the folder of its package's service.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const hostKey = makeKey(dir, 'host');
  const userKey = makeKey(dir, 'user');
  const port = await freePort();
  const config = join(dir, 'sshd_config');
  const lines = [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey ${hostKey.file}`,
    `AuthorizedKeysFile ${userKey.file}.pub`,
    `PidFile ${join(dir, 'sshd.pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'PasswordAuthentication yes',
    'Subsystem sftp internal-sftp',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const child = spawn(SSHD, ['-D', '-f', config, '-E', join(dir, 'sshd.log')], { detached: true, stdio: 'inherit' });
  await listening(port, child);
  const { username: user } = userInfo();
  return { port, ports: [port], root, user, keyFile: userKey.file, fingerprint: hostKey.fingerprint, stop: () => stop(child) };
}

/**
 * @param {string} dir
 * @param {string} name
 */
function makeKey(dir, name) {
  const file = join(dir, name);
  keygen('-q', '-t', 'ed25519', '-N', '', '-f', file);
  const fingerprint = keygen('-l', '-f', file).split(' ')[1] ?? '';
  return { file, fingerprint, text: readFileSync(file, 'utf8') };
}

/** @param {...string} args */
function keygen(...args) {
  const { status, stdout, stderr } = spawnSync('ssh-keygen', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`);
  return stdout;
}
