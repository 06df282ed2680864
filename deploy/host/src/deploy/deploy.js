import { posix } from 'node:path';

import { explainAnswer, explainError } from '../check/explain.js';
import { send } from '../check/request.js';
import { makeProbe } from '../check/stream.js';
import { EXIT, Failure, messageOf } from '../failure.js';
import { logFolders } from '../layout.js';
import { openRemote } from '../remote/open.js';
import { bytes } from '../say.js';
import { fillConfig } from './config.js';
import { MANIFEST, formatManifest, leftOver, nextManifest, readManifest } from './manifest.js';
import { CONFIG, readSource } from './source.js';

/** @typedef {import('../remote/open.js').Remote} Remote */
/** @typedef {import('../say.js').Say} Say */
/** @typedef {import('../settings.js').Settings} Settings */
/** @typedef {import('./source.js').SourceFile} SourceFile */

/** A name under which nothing is served or loaded. */
const TEMPORARY = '.ht-new-';

/**
 * `deploy:telemetry`: the PHP drop-in on the host, only what changed. Whenever it breaks off, the old version or the new one
 * runs, whole; the same command again does the rest.
 * @param {Settings} settings
 * @param {Say} say
 */
export async function deploy(settings, say) {
  const source = readSource(settings);
  const host = settings.host();
  const remote = await openRemote(host);
  try {
    say(`${host.protocol}://${host.user}@${host.name}/${host.folder}`);
    await remote.makeFolder(host.folder);
    const old = await readManifest(remote, host.folder);
    const uploader = new Uploader(remote, host.folder, say);
    const next = nextManifest(source, old);
    await uploader.config(() => fillConfig(source.configExample, settings, host));
    await uploader.library(source.libraryFiles);
    await uploader.others(source.files, old.files);
    await makeLogFolder(remote, logFolders(settings, host), say);
    await uploader.switchOver();
    if (uploader.count > 0 || old.library !== next.library) await uploader.put(MANIFEST, formatManifest(next));
    await uploader.remove(leftOver(old, next));
    say(uploader.count === 0 ? 'everything was there already' : `${uploader.count} files uploaded, ${bytes(uploader.sent)}`);
  } finally {
    remote.close();
  }
  await probeEndpoint(settings, say);
}

/** Brings files onto the host: each whole under another name first, then all under their own. */
class Uploader {
  count = 0;
  sent = 0;
  #remote;
  #folder;
  #say;
  /** @type {string[]} uploaded, and not yet under their own name */
  #waiting = [];

  /**
   * @param {Remote} remote
   * @param {string} folder
   * @param {Say} say
   */
  constructor(remote, folder, say) {
    this.#remote = remote;
    this.#folder = folder;
    this.#say = say;
  }

  /**
   * The library's files. Nothing loads its folder before the entry names it, so they need no other name; and the folder's name is
   * a hash of what is in it, so that one of the right size has come whole by an earlier try.
   * @param {SourceFile[]} files
   */
  async library(files) {
    const folders = new Set();
    for (const { path, bytes: content } of files) {
      const at = `${this.#folder}/${path}`;
      if ((await this.#remote.size(at)) === content.length) continue;
      const folder = posix.dirname(at);
      if (!folders.has(folder)) await this.#remote.makeFolder(folder);
      folders.add(folder);
      await this.#write(at, content);
      this.#report(path, content);
    }
  }

  /**
   * @param {SourceFile[]} files
   * @param {Record<string, string>} there path → hash, as an earlier upload wrote down
   */
  async others(files, there) {
    for (const { path, bytes: content, hash } of files) {
      const isThere = there[path] === hash && (await this.#remote.size(`${this.#folder}/${path}`)) === content.length;
      if (!isThere) await this.#prepare(path, content);
    }
  }

  /**
   * The settings, if there are none. Asked for in two ways: an answer that was misread would cost somebody's settings.
   * @param {() => string} make
   */
  async config(make) {
    const listed = await this.#remote.files(this.#folder);
    const isThere = listed?.some(({ name }) => name === CONFIG) || (await this.#remote.size(`${this.#folder}/${CONFIG}`)) !== undefined;
    if (isThere) return this.#say(`${CONFIG} is there, and stays as it is`);
    await this.put(CONFIG, Buffer.from(make()));
    this.#say(`${CONFIG} is made from the example, with key and origins of .env: look through it once`);
  }

  /** All that was prepared gets its own name, in the order in which it came: the entry last. */
  async switchOver() {
    for (const path of this.#waiting.splice(0)) await this.#rename(path);
  }

  /**
   * One file, at once.
   * @param {string} path
   * @param {Buffer} content
   */
  async put(path, content) {
    await this.#write(this.#temporary(path), content);
    await this.#rename(path);
  }

  /**
   * What earlier versions have left. A file that may not be deleted does no harm.
   * @param {string[]} paths
   */
  async remove(paths) {
    for (const path of paths) await this.#remote.remove(`${this.#folder}/${path}`);
    const folders = new Set(paths.flatMap(foldersOf));
    // The deepest first: only empty ones go.
    for (const folder of [...folders].sort((a, b) => b.length - a.length)) await this.#remote.removeFolder(`${this.#folder}/${folder}`);
  }

  /**
   * @param {string} path
   * @param {Buffer} content
   */
  async #prepare(path, content) {
    await this.#write(this.#temporary(path), content);
    this.#waiting.push(path);
    this.#report(path, content);
  }

  /** @param {string} path */
  async #rename(path) {
    await this.#remote.rename(this.#temporary(path), `${this.#folder}/${path}`);
  }

  /** @param {string} path */
  #temporary(path) {
    return `${this.#folder}/${posix.join(posix.dirname(path), TEMPORARY + posix.basename(path))}`;
  }

  /**
   * A quota or a transfer in text mode shows in the size.
   * @param {string} at
   * @param {Buffer} content
   */
  async #write(at, content) {
    await this.#remote.write(at, content);
    const size = await this.#remote.size(at);
    if (size === content.length) return;
    throw new Failure(`${at} has ${size ?? 'no'} bytes on the host instead of ${content.length}`, 'is the space there used up? Free some, then run the command again');
  }

  /**
   * @param {string} path
   * @param {Buffer} content
   */
  #report(path, content) {
    this.count += 1;
    this.sent += content.length;
    this.#say(`  ${path}, ${bytes(content.length)}`);
  }
}

/** @param {string} path */
function foldersOf(path) {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * The first folder that is there is the one that the drop-in takes; else the first that can be made.
 * @param {Remote} remote
 * @param {string[]} folders
 * @param {Say} say
 */
async function makeLogFolder(remote, folders, say) {
  for (const folder of folders) if (await remote.files(folder)) return tryLogFolder(remote, folder, say);
  for (const [index, folder] of folders.entries()) {
    try {
      await remote.makeFolder(folder);
    } catch (error) {
      if (index + 1 === folders.length) throw error;
      say(`no log folder at ${folder}: ${messageOf(error)}`);
      continue;
    }
    return tryLogFolder(remote, folder, say);
  }
}

/**
 * @param {Remote} remote
 * @param {string} folder
 * @param {Say} say
 */
async function tryLogFolder(remote, folder, say) {
  const probe = `${folder}/.ht-probe`;
  try {
    await remote.write(probe, Buffer.from('probe'));
    await remote.remove(probe);
    say(`log folder ${folder}: this login may write there`);
  } catch (error) {
    if (!(error instanceof Failure) || error.exit === EXIT.connection) throw error;
    // PHP made it as its own user; whether that one may write is asked next.
    say(`log folder ${folder}: this login may not write there, which is no harm if PHP may`);
  }
}

/**
 * Whether PHP may write there too is for PHP to say: it may run as another user than the one who uploads.
 * @param {Settings} settings
 * @param {Say} say
 */
async function probeEndpoint(settings, say) {
  if (!settings.get('TELEMETRY_URL', 'VITE_TELEMETRY_URL')) {
    return say('set VITE_TELEMETRY_URL, then telemetry:check tells whether PHP may write there');
  }
  const url = settings.url();
  const { id, now, open } = makeProbe(Date.now());
  const what = { key: settings.key(), stream: id, now, body: open, origin: settings.origins()[0], timeout: settings.timeout() };
  const answer = await send(url, what).catch((error) => {
    throw explainError(url, error);
  });
  if (answer.status !== 200 || !Array.isArray(answer.json?.stored)) throw explainAnswer(url, answer);
  say(`${url} answers, and may write its logs; telemetry:check goes through the rest`);
}
