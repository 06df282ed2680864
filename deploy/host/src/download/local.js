import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import { codeOf } from '../failure.js';
import { OVERLAP } from './continuation.js';

const NEWLINE = 0x0a;
const PIECE = 65_536;

/**
 * @param {string} path
 * @returns {Promise<number | undefined>} in bytes; undefined where there is no file
 */
export async function sizeOf(path) {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The last bytes of a file, before an offset.
 * @param {string} path
 * @param {number} end
 * @param {number} [count]
 */
export async function bytesBefore(path, end, count = OVERLAP) {
  const file = await open(path);
  try {
    const start = Math.max(0, end - count);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Cuts a line off that has not come whole: the host may still be writing it, or take it back.
 * @param {string} path
 * @returns {Promise<number>} the size then
 */
export async function cutTornLine(path) {
  const size = (await sizeOf(path)) ?? 0;
  let end = size;
  while (end > 0) {
    const piece = await bytesBefore(path, end, PIECE);
    const newline = piece.lastIndexOf(NEWLINE);
    if (newline >= 0) {
      end += newline + 1 - piece.length;
      break;
    }
    end -= piece.length;
  }
  if (end === size) return size;
  const file = await open(path, 'r+');
  try {
    await file.truncate(end);
  } finally {
    await file.close();
  }
  return end;
}

/**
 * Whether one file is the beginning of another.
 * @param {string} short
 * @param {string} long
 */
export async function isBeginning(short, long) {
  const size = (await sizeOf(short)) ?? 0;
  if (size > ((await sizeOf(long)) ?? 0)) return false;
  for (let end = size; end > 0; end -= PIECE) {
    const [left, right] = await Promise.all([bytesBefore(short, end, PIECE), bytesBefore(long, end, PIECE)]);
    if (!left.equals(right)) return false;
  }
  return true;
}

/**
 * @param {string} packed
 * @param {string} into
 */
export async function unpack(packed, into) {
  await pipeline(createReadStream(packed), createGunzip(), createWriteStream(into));
}

/**
 * Puts a file into its place; one there that has something else stays beside it, under a name of its own.
 * @param {string} from
 * @param {string} to
 * @returns {Promise<string | undefined>} where the other one stays
 */
export async function replace(from, to) {
  let kept;
  if ((await sizeOf(to)) && !(await isBeginning(to, from))) {
    for (let count = 1; (await sizeOf((kept = to.replace(/(\.jsonl)?$/, `.before-${count}$1`)))) !== undefined; count += 1);
    await rename(to, kept);
  }
  await rm(to, { force: true }); // Windows renames over nothing that is open elsewhere
  await rename(from, to);
  return kept;
}
