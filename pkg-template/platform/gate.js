import { gatedFor } from '../flag.js';
import { attempt } from '../serialize.js';

/**
 * The collector's word for all tabs of the origin: the key `gate`.
 * @param {string} prefix
 * @param {Storage | undefined} store
 */
export const gate = (prefix, store) => ({
  /** The ms for which one of the two words still holds; 0 for none. */
  gated: (/** @type {number} */ which) => (store ? gatedFor(prefix, which) : 0),

  /** Makes a word hold for at least so many ms. Where it cannot be written, each tab is told for itself. */
  close(/** @type {number} */ which, /** @type {number} */ ms) {
    const words = [0, 1].map((at) => {
      const left = Math.max(gatedFor(prefix, at), at === which ? ms : 0);
      return left && Date.now() + left;
    });
    attempt(() => store?.setItem(`${prefix}gate`, JSON.stringify(words)));
  },
});
