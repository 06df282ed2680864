import { crc32, deflateRawSync } from 'node:zlib';

/** As `JournalFile::GUARD` of the drop-in. */
export const GUARD = '<?php __halt_compiler(); // Beaconry: what follows is one event a line, as JSON\n';

/**
 * Lines of a journal.
 * @param {number} first
 * @param {number} count
 */
export function lines(first, count) {
  const line = (/** @type {number} */ number) =>
    `${JSON.stringify({ id: `AZq.${number}`, ts: number, app: 'shop', type: 'log', data: { message: `${Math.sqrt(number)} and on` } })}\n`;
  return Array.from({ length: count }, (_, index) => line(first + index)).join('');
}

/**
 * As the drop-in packs a journal: gzip with a guard for its comment.
 * @param {string} text
 */
export function pack(text) {
  const header = Buffer.from('\x1f\x8b\x08\x10\0\0\0\0\0\xff<?php __halt_compiler();\0', 'latin1');
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(text), 0);
  trailer.writeUInt32LE(Buffer.byteLength(text) % 2 ** 32, 4);
  return Buffer.concat([header, deflateRawSync(text), trailer]);
}
