import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { EXIT, Failure, codeOf, messageOf } from '../failure.js';
import { GUARD, logFolders } from '../layout.js';
import { openRemote } from '../remote/open.js';
import { bytes } from '../say.js';
import { Continuation } from './continuation.js';
import { bytesBefore, cutTornLine, replace, sizeOf, unpack } from './local.js';

/** @typedef {import('../remote/open.js').Remote} Remote */
/** @typedef {import('../say.js').Say} Say */

/** Where downloads go, in the app's folder. */
export const DOWNLOADS = 'telemetry-logs';
/** What the drop-in writes, and what its rotation makes of it. */
const JOURNAL = /^(events-(\d{4}-\d\d-\d\d)(?:\.(\d+))?\.jsonl)(\.gz)?(\.php)?$/;
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
  await mkdir(folder, { recursive: true });
  const remote = await openRemote(host);
  try {
    const { logs, journals } = await findJournals(remote, logFolders(settings, host));
    say(`${host.name}: ${journals.length} journals in ${logs}`);
    let fresh = 0;
    for (const file of journals) fresh += await bring(remote, `${logs}/${file.remoteName}`, file, folder, say);
    say(`${fresh} new bytes in ${folder}; telemetry:import brings them to Loki`);
  } catch (error) {
    throw codeOf(error) === 'ENOSPC' ? diskFull(folder) : error;
  } finally {
    remote.close();
  }
}

/**
 * @typedef {object} Journal
 * @property {string} name here
 * @property {string} day
 * @property {number} part 0, then higher ones where a day has several
 * @property {string} remoteName
 * @property {number} size there
 * @property {boolean} isPacked
 * @property {Buffer} guard what stands before the first event
 */

/**
 * @param {Remote} remote
 * @param {string[]} folders where the drop-in may have put them
 */
async function findJournals(remote, folders) {
  const found = [];
  for (const logs of folders) {
    const files = await remote.files(logs);
    if (files) found.push({ logs, journals: chosen(files) });
  }
  const filled = found.filter(({ journals }) => journals.length > 0);
  if (filled.length > 1) throw twoFolders(filled.map(({ logs }) => logs));
  const [only] = [...filled, ...found];
  if (!only) throw noFolder(folders);
  return only;
}

/**
 * The journals, oldest first. One that is just being packed is there twice.
 * @param {{ name: string, size: number }[]} files
 * @returns {Journal[]}
 */
function chosen(files) {
  const journals = files.flatMap(({ name: remoteName, size }) => {
    const [, name, day, part, packed, guarded] = JOURNAL.exec(remoteName) ?? [];
    if (!name || !day) return [];
    const guard = guarded && !packed ? GUARD : Buffer.alloc(0);
    return [{ name, day, part: Number(part ?? 0), remoteName, size, isPacked: Boolean(packed), guard }];
  });
  const plain = new Set(journals.filter(({ isPacked }) => !isPacked).map(({ name }) => name));
  return journals
    .filter(({ name, isPacked }) => !isPacked || !plain.has(name))
    .sort((a, b) => a.day.localeCompare(b.day) || a.part - b.part);
}

/**
 * @param {Remote} remote
 * @param {string} path on the host
 * @param {Journal} journal
 * @param {string} folder
 * @param {Say} say
 * @returns {Promise<number>} how many bytes are new here
 */
async function bring(remote, path, journal, folder, say) {
  const { name } = journal;
  const here = join(folder, name);
  const before = (await sizeOf(here)) ?? 0;
  const kept = await (journal.isPacked ? bringPacked : bringPlain)(remote, path, journal, here);
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
 * @param {Journal} journal
 * @param {string} here
 */
async function bringPlain(remote, path, { size, guard }, here) {
  const had = (await sizeOf(here)) === undefined ? undefined : await cutTornLine(here);
  const there = size - guard.length;
  if (had === there || ((had ?? 0) < there && (await resume(remote, path, here, guard)))) {
    await cutTornLine(here);
    return undefined;
  }
  const part = `${here}.part`;
  await fetchWhole(remote, path, part, guard);
  await cutTornLine(part);
  return replace(part, here);
}

/**
 * A journal that is closed and compressed, unless it is here already.
 * @param {Remote} remote
 * @param {string} path
 * @param {Journal} journal
 * @param {string} here
 */
async function bringPacked(remote, path, { size, guard }, here) {
  const had = await sizeOf(here);
  if (had !== undefined && had % 2 ** 32 === (await packedLength(remote, path, size))) return undefined;
  const packed = `${here}.gz.part`;
  if (((await sizeOf(packed)) ?? 0) > size || !(await resume(remote, path, packed, guard))) await fetchWhole(remote, path, packed, guard);
  const part = `${here}.part`;
  try {
    await unpack(packed, part);
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') throw error;
    await rm(packed, { force: true });
    throw new Failure(`${path} cannot be unpacked: ${messageOf(error)}`, 'run the command again: it fetches the file anew');
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
 * @param {Buffer} guard which is there, and not here
 * @returns {Promise<boolean>} whether it is the same file
 */
async function resume(remote, path, here, guard) {
  const had = (await sizeOf(here)) ?? 0;
  const overlap = had ? await bytesBefore(here, had) : guard;
  const file = await open(here, 'a');
  const rest = new Continuation(file, overlap);
  try {
    await remote.fetch(path, guard.length + had - overlap.length, rest);
  } finally {
    await file.close();
  }
  if (rest.differs && had === 0) await rm(here);
  return !rest.differs;
}

/**
 * @param {Remote} remote
 * @param {string} path
 * @param {string} part
 * @param {Buffer} guard
 */
async function fetchWhole(remote, path, part, guard) {
  await rm(part, { force: true });
  if (await resume(remote, path, part, guard)) return;
  throw new Failure(`${path} does not begin as a journal of the drop-in does`, 'install the beaconry-host of the version that was deployed');
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

/** @param {string[]} folders */
function noFolder(folders) {
  const next = 'run deploy:telemetry first, or set TELEMETRY_LOGS to the folder of `data` in config.php';
  return new Failure(`the host has no folder ${folders.join(' nor ')}`, next, EXIT.settings);
}

/** @param {string[]} folders */
function twoFolders(folders) {
  const next = 'set TELEMETRY_LOGS to one of them, download, then to the other (with another TELEMETRY_DOWNLOADS)';
  return new Failure(`there are journals in ${folders.join(' and in ')}`, next, EXIT.settings);
}

/** @param {string} folder */
function diskFull(folder) {
  return new Failure(`the disk of ${folder} is full; what has come is kept`, 'free some space, then run the command again: it goes on from there');
}
