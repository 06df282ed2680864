import { REASONS } from './messages.js';

/**
 * What is told of the books: `stats()` and `flush()`. The core counts, this gives it its form.
 * @param {() => number[]} count held, delivered, given out before, left, then the dropped by reason
 */
export function openBooks(count) {
  /** @type {Set<() => void>} */
  const flushes = new Set();

  function stats() {
    const [held = 0, delivered = 0, past = 0, left = 0, ...lost] = count();
    const released = past + left;
    /** @type {import('./index.js').Stats['dropped']} */
    const dropped = {};
    let tracked = held + delivered + released;
    REASONS.forEach((reason, at) => {
      if (lost[at]) tracked += dropped[reason] = lost[at];
    });
    return { tracked, held, delivered, released, dropped };
  }

  return {
    stats,
    isWaited: () => flushes.size > 0,

    /** Everybody who waits hears. */
    finish: () => flushes.forEach((done) => done()),

    /**
     * Resolves when told to, or after `ms`.
     * @param {number} ms
     * @returns {Promise<import('./index.js').FlushResult>}
     */
    wait: (ms) =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          flushes.delete(done);
          const { tracked, held, delivered, released } = stats();
          resolve({ delivered, held, dropped: tracked - held - delivered - released });
        };
        const timer = setTimeout(done, Math.min(ms, 2 ** 31 - 1));
        flushes.add(done);
      }),
  };
}
