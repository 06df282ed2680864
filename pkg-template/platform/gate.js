import { gatedFor } from '../flag.js';
import { attempt } from '../serialize.js';

/**
 * The ms for which a word of the gate holds; 0 where there is none, or no storage.
 * @param {string} prefix
 * @param {Storage | undefined} storage
 */
export const gateOf = (prefix, storage) => (/** @type {number} */ which) => (storage ? gatedFor(prefix, which) : 0);

/**
 * Makes a word of the gate, for all tabs of the origin, hold for at least so many ms. Where it cannot be written, each tab is
 * told for itself.
 * @param {string} prefix
 * @param {Storage | undefined} storage
 * @param {number} which
 * @param {number} ms
 */
export function closeGate(prefix, storage, which, ms) {
  const words = [0, 1].map((at) => {
    const left = Math.max(gatedFor(prefix, at), at === which ? ms : 0);
    return left && Date.now() + left;
  });
  attempt(() => storage?.setItem(`${prefix}gate`, JSON.stringify(words)));
}
