import { Writable } from 'node:stream';

/** Apache sends no file whose name begins with .ht; any other server that runs PHP gets nothing out of this one. */
export const MANIFEST = '.ht-beaconry.php';
const GUARD = '<?php __halt_compiler();\n';
/** A manifest has some forty lines. */
const MAX_BYTES = 1_000_000;

/**
 * What an earlier upload has left on the host; written when everything else stands.
 * @typedef {object} Manifest
 * @property {string | undefined} library the folder in use
 * @property {string | undefined} before the one before it: requests that were under way may still load from it
 * @property {Record<string, string>} files path → SHA-256, of what lies beside the library
 * @property {string[]} libraryFiles of both folders
 */

/** @type {Manifest} */
const NONE = { library: undefined, before: undefined, files: {}, libraryFiles: [] };

/**
 * @param {import('../remote/open.js').Remote} remote
 * @param {string} folder
 * @returns {Promise<Manifest>} an empty one where there is none, or none that can be read
 */
export async function readManifest(remote, folder) {
  const path = `${folder}/${MANIFEST}`;
  const size = await remote.size(path);
  if (!size || size > MAX_BYTES) return NONE;
  /** @type {Buffer[]} */
  const chunks = [];
  await remote.fetch(path, 0, new Writable({ write: (chunk, _, done) => (chunks.push(chunk), done()) }));
  try {
    return { ...NONE, ...JSON.parse(Buffer.concat(chunks).toString('utf8').slice(GUARD.length)) };
  } catch {
    return NONE;
  }
}

/** @param {Manifest} manifest */
export function formatManifest(manifest) {
  return Buffer.from(`${GUARD}${JSON.stringify(manifest, null, 1)}\n`);
}

/**
 * @param {import('./source.js').Source} source
 * @param {Manifest} old
 * @returns {Manifest}
 */
export function nextManifest(source, old) {
  const before = source.library === old.library ? old.before : old.library;
  const libraryFiles = new Set([
    ...source.libraryFiles.map(({ path }) => path),
    ...old.libraryFiles.filter((path) => before && path.startsWith(`${before}/`)),
  ]);
  const files = Object.fromEntries(source.files.map(({ path, hash }) => [path, hash]));
  return { library: source.library, before, files, libraryFiles: [...libraryFiles] };
}

/**
 * What the old manifest names and the new one does not.
 * @param {Manifest} old
 * @param {Manifest} next
 */
export function leftOver(old, next) {
  return [
    ...old.libraryFiles.filter((path) => !next.libraryFiles.includes(path)),
    ...Object.keys(old.files).filter((path) => !(path in next.files)),
  ];
}
