import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { EXIT, Failure, codeOf } from '../failure.js';
import { logFolder } from '../layout.js';
import { openRemote } from '../remote/open.js';
import { bytes } from '../say.js';
import { Continuation } from './continuation.js';
import { bytesBefore, cutTornLine, replace, sizeOf, unpack } from './local.js';

/** @typedef {import('../remote/open.js').Remote} Remote */
/** @typedef {import('../say.js').Say} Say */

/** Where downloads go, in the app's folder. */
export const DOWNLOADS = 'telemetry-logs';
/** What the drop-in writes, and what its rotation makes of it. */
const JOURNAL = /^events-[\w.-]+\.jsonl(\.gz)?$/;
/** gzip ends with the length of what was packed, in four bytes (RFC 1952). */
const TRAILER = 4;

/**
 * `telemetry:download`: the host's journals, each whole and unpacked, in a folder here. What is here already is not fetched
 * again; nothing that is here is ever lost.
 * @param {import('../settings.js').Settings} settings
 * @param {Say} say
 */
export async function download(settings, say) {
  const host = settings.host();
  const folder = /** @type {string} */ (settings.path('TELEMETRY_DOWNLOADS', DOWNLOADS));
  const logs = logFolder(settings, host);
  await mkdir(folder, { recursive: true });
  const remote = await openRemote(host);
  try {
    const files = await remote.files(logs);
    if (!files) throw noFolder(logs);
    const journals = chosen(files);
    say(`${host.name}: ${journals.length} journals in ${logs}`);
    let fresh = 0;
    for (const file of journals) fresh += await bring(remote, `${logs}/${file.name}`, file, folder, say);
    say(`${fresh} new bytes in ${folder}; telemetry:import brings them to Loki`);
  } catch (error) {
    throw codeOf(error) === 'ENOSPC' ? diskFull(folder) : error;
  } finally {
    remote.close();
  }
}

/**
 * The journals, oldest first. One that is just being compressed is there twice.
 * @param {{ name: string, size: number }[]} files
 */
function chosen(files) {
  const names = new Set(files.map(({ name }) => name));
  return files
    .filter(({ name }) => JOURNAL.test(name) && !(name.endsWith('.gz') && names.has(plainName(name))))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @param {string} name */
function plainName(name) {
  return name.replace(/\.gz$/, '');
}

/**
 * @param {Remote} remote
 * @param {string} path on the host
 * @param {{ name: string, size: number }} file
 * @param {string} folder
 * @param {Say} say
 * @returns {Promise<number>} how many bytes are new here
 */
async function bring(remote, path, file, folder, say) {
  const name = plainName(file.name);
  const here = join(folder, name);
  const before = (await sizeOf(here)) ?? 0;
  const kept = file.name === name ? await bringPlain(remote, path, file.size, here) : await bringPacked(remote, path, file.size, here);
  const after = (await sizeOf(here)) ?? 0;
  if (kept) say(`${name}: the host has another file of this name now; the one from here stays as ${kept}`);
  const fresh = kept ? after : after - before;
  say(`${name}: ${fresh === 0 ? 'nothing new' : `${bytes(fresh)} new`}, ${bytes(after)} here`);
  return fresh;
}

/**
 * A journal that may still be written to.
 * @param {Remote} remote
 * @param {string} path
 * @param {number} size
 * @param {string} here
 */
async function bringPlain(remote, path, size, here) {
  const had = await cutTornLine(here);
  if (had === size || (had < size && (await resume(remote, path, here)))) {
    await cutTornLine(here);
    return undefined;
  }
  const part = `${here}.part`;
  await fetchWhole(remote, path, part);
  await cutTornLine(part);
  return replace(part, here);
}

/**
 * A journal that is closed and compressed, unless it is here already.
 * @param {Remote} remote
 * @param {string} path
 * @param {number} size
 * @param {string} here
 */
async function bringPacked(remote, path, size, here) {
  const had = await sizeOf(here);
  if (had !== undefined && had % 2 ** 32 === (await packedLength(remote, path, size))) return undefined;
  const packed = `${here}.gz.part`;
  if (((await sizeOf(packed)) ?? 0) > size || !(await resume(remote, path, packed))) await fetchWhole(remote, path, packed);
  const part = `${here}.part`;
  try {
    await unpack(packed, part);
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') throw error;
    await rm(packed, { force: true });
    throw new Failure(`${path} cannot be unpacked: ${codeOf(error)}`, 'run the command again: it fetches the file anew');
  }
  const kept = await replace(part, here);
  await rm(packed, { force: true });
  return kept;
}

/**
 * Adds what is missing at the end of a file; nothing where the host's is another one.
 * @param {Remote} remote
 * @param {string} path
 * @param {string} here
 * @returns {Promise<boolean>} whether it is the same file
 */
async function resume(remote, path, here) {
  const had = (await sizeOf(here)) ?? 0;
  const overlap = had ? await bytesBefore(here, had) : Buffer.alloc(0);
  const file = await open(here, 'a');
  try {
    const rest = new Continuation(file, overlap);
    await remote.fetch(path, had - overlap.length, rest);
    return !rest.differs;
  } finally {
    await file.close();
  }
}

/**
 * @param {Remote} remote
 * @param {string} path
 * @param {string} part
 */
async function fetchWhole(remote, path, part) {
  await rm(part, { force: true });
  await resume(remote, path, part);
}

/**
 * How long a gzip file is when it is unpacked, modulo 2³².
 * @param {Remote} remote
 * @param {string} path
 * @param {number} size
 */
async function packedLength(remote, path, size) {
  /** @type {Buffer[]} */
  const chunks = [];
  const sink = new Writable({ write: (chunk, _, done) => (chunks.push(chunk), done()) });
  await remote.fetch(path, Math.max(0, size - TRAILER), sink);
  const trailer = Buffer.concat(chunks);
  return trailer.length < TRAILER ? undefined : trailer.readUInt32LE(trailer.length - TRAILER);
}

/** @param {string} logs */
function noFolder(logs) {
  return new Failure(`the host has no folder ${logs}`, 'run deploy:telemetry first, or set TELEMETRY_LOGS to the log folder of config.php', EXIT.settings);
}

/** @param {string} folder */
function diskFull(folder) {
  return new Failure(`the disk of ${folder} is full; what has come is kept`, 'free some space, then run the command again: it goes on from there');
}
