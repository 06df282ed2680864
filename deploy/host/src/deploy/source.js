import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { EXIT, Failure } from '../failure.js';

/** What browsers ask for, and what is renamed last. */
export const ENTRY = 'ingest.php';
/** Of whoever runs the host: made once, then never touched. */
export const CONFIG = 'config.php';
export const CONFIG_EXAMPLE = 'config.example.php';

/** In the npm package; in a checkout. */
const FOLDERS = ['../../php', '../../../php'];
const LIBRARY = 'lib';
/** Characters of a hash in a folder's name: enough for the versions of a lifetime. */
const VERSION_LENGTH = 12;

/** @typedef {{ path: string, bytes: Buffer, hash: string }} SourceFile */

/**
 * The drop-in as it lies on the host. The library's folder has a name of its own for each version, and the files that load it
 * name that one: so each runs with its own library, whatever a broken upload leaves, and a request that is under way too.
 * @typedef {object} Source
 * @property {string} library the name of its folder
 * @property {SourceFile[]} libraryFiles
 * @property {SourceFile[]} files the others; the entry is the last
 * @property {string} configExample
 */

/**
 * @param {import('../settings.js').Settings} settings
 * @returns {Source}
 */
export function readSource(settings) {
  const folder = settings.path('TELEMETRY_PHP') ?? FOLDERS.map((name) => fileURLToPath(new URL(name, import.meta.url))).find(existsSync);
  if (!folder || !existsSync(join(folder, ENTRY))) {
    throw new Failure(`there is no ${ENTRY} in ${folder ?? 'the package'}`, 'install beaconry-host again, or correct TELEMETRY_PHP', EXIT.settings);
  }
  const all = readFiles(folder).filter(({ path }) => path !== CONFIG && !path.endsWith('.md'));
  const parts = all.filter(({ path }) => path.startsWith(`${LIBRARY}/`));
  const library = `${LIBRARY}-${hashOf(Buffer.from(parts.map(({ path, hash }) => `${path} ${hash}\n`).join(''))).slice(0, VERSION_LENGTH)}`;
  const inLibrary = (/** @type {string} */ path) => path.replace(LIBRARY, library);
  const others = all.filter((file) => !parts.includes(file)).map((file) => (isLoader(file.path) ? retarget(file, library) : file));
  return {
    library,
    libraryFiles: parts.map((file) => ({ ...file, path: inLibrary(file.path) })),
    files: others.sort((a, b) => Number(a.path === ENTRY) - Number(b.path === ENTRY)),
    configExample: readFileSync(join(folder, CONFIG_EXAMPLE), 'utf8'),
  };
}

/** @param {string} path */
function isLoader(path) {
  return path.endsWith('.php') && path !== CONFIG_EXAMPLE;
}

/**
 * @param {SourceFile} file
 * @param {string} library
 */
function retarget(file, library) {
  const bytes = Buffer.from(file.bytes.toString('utf8').replaceAll(`/${LIBRARY}/`, `/${library}/`));
  return { ...file, bytes, hash: hashOf(bytes) };
}

/**
 * Every file of a folder, by path, with forward slashes.
 * @param {string} folder
 * @returns {SourceFile[]}
 */
function readFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath ?? entry.path, entry.name);
      const bytes = readFileSync(file);
      return { path: relative(folder, file).split(sep).join('/'), bytes, hash: hashOf(bytes) };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @param {Buffer} bytes */
function hashOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
