import { lock } from '../writer.js';
import { LOCK } from './told.js';

/**
 * Web Locks: who holds a stream's lock may erase what it has stored. Plain http has none.
 * @param {string} prefix
 * @param {import('./host.js').Tell} tell
 */
export function locks(prefix, tell) {
  /** @type {Map<string, () => void>} the held ones: their streams, and what gives them back */
  const held = new Map();
  /** @type {(() => void) | undefined} */
  let kept;
  let over = false;
  return {
    /** The facade's lock is that of the first stream. */
    keep: (/** @type {(() => void) | undefined} */ unlock) => void (kept = unlock),

    /** Holds the lock of a stream for which nobody else has a reason to ask. */
    hold(/** @type {string} */ stream) {
      held.set(stream, kept ?? lock(prefix + stream));
      kept = undefined;
    },

    /** Asks for a dead stream's lock and tells the answer; false where nobody can answer. */
    ask(/** @type {string} */ stream) {
      const answer = (/** @type {number} */ isGranted) => tell(LOCK, isGranted, 0, 0, stream);
      const asked = navigator.locks?.request(prefix + stream, { ifAvailable: true }, (granted) => {
        if (!granted || over) return answer(0);
        const end = new Promise((resolve) => held.set(stream, () => resolve(0)));
        answer(1);
        return end;
      });
      asked?.catch(() => answer(0)); // refused in a sandboxed frame
      return !!asked;
    },

    /** Gives a lock back, if it is held. */
    release(/** @type {string} */ stream) {
      held.get(stream)?.();
      held.delete(stream);
    },

    releaseAll() {
      over = true;
      for (const unlock of held.values()) unlock();
      held.clear();
    },
  };
}
