import { once } from 'node:events';
import { chownSync, readdirSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a server may take to listen, in ms: a machine that is busy needs seconds. */
const PATIENCE_MS = 20_000;
const POLL_MS = 20;

/** A port of loopback that nobody has: for servers that cannot say which one they got. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Waits until a child listens.
 * @param {number} port
 * @param {import('node:child_process').ChildProcess} child
 */
export async function listening(port, child) {
  await until(`${child.spawnfile} listens`, () => {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    return answers(port);
  });
}

/** @param {number} port */
async function answers(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Waits for a condition.
 * @param {string} what
 * @param {() => unknown} isMet
 */
export async function until(what, isMet) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await isMet())) {
    if (Date.now() > end) throw new Error(`not seen within ${PATIENCE_MS} ms: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Debian's user who owns nothing. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Who servers run as for whom the modes of files count, which for root they do not. */
export const nobody = {
  user: isRoot ? { uid: NOBODY, gid: NOBODY } : {},
  /** @param {string} path a file, or a folder with all that is in it */
  own(path) {
    if (!isRoot) return;
    chownSync(path, NOBODY, NOBODY);
    if (!statSync(path).isDirectory()) return;
    for (const name of readdirSync(path)) nobody.own(join(path, name));
  },
};

/**
 * Ends a child, with its group where it has one, and waits for its end.
 * @param {import('node:child_process').ChildProcess} child
 */
export async function stop(child) {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
  await ended;
}
