import { attempt } from '../serialize.js';
import { FLUSH, STATS } from './told.js';

/** In the order in which Rust tells them. */
const REASONS = 'full age too_large invalid rejected stale off storage trap poison'.split(' ');

/** How long `flush` waits where no time is given, in ms. */
const FLUSH_MS = 5_000;

/**
 * What is told of the books: `stats()` and `flush()`. Rust counts, this gives it its form.
 * @param {import('./host.js').Tell} tell
 * @param {() => { stream: string, waiting: number, over: boolean, mode?: 'off' }} state
 */
export function books(tell, state) {
  /** @type {number[]} */
  let counts = [];
  /** @type {{ id?: number, timer: any, resolve: (result: any) => void }[]} */
  let flushes = [];

  function stats() {
    tell(STATS);
    const [held = 0, delivered = 0, released = 0, storedBytes = 0, ...lost] = counts;
    const { waiting, over, ...more } = state();
    /** @type {Record<string, number>} */
    const dropped = {};
    let tracked = held + delivered + released + waiting;
    REASONS.forEach((reason, at) => {
      if (lost[at]) tracked += dropped[reason] = lost[at];
    });
    return { tracked, held: held + waiting, delivered, released, dropped, storedBytes, ...more };
  }

  /** Resolves the promises of a flush, or of all. */
  function finish(/** @type {number | undefined} */ which) {
    const { delivered, held, dropped } = stats();
    const result = { delivered, held, dropped: Object.values(dropped).reduce((sum, count) => sum + count, 0) };
    flushes = flushes.filter(({ id, timer, resolve }) => {
      if (which !== undefined && id !== which) return true;
      clearTimeout(timer);
      resolve(result);
    });
  }

  return {
    stats,
    finish,

    /** One of the counts. */
    count: (/** @type {number} */ at, /** @type {number} */ count) => void (counts[at] = count),

    /** The flush that was asked for last has this id: several may share one. */
    flushing: (/** @type {number} */ id) => flushes.forEach((flush) => (flush.id ??= id)),

    /**
     * Sends what may be sent. Resolves to `{delivered, held, dropped}` when everything tracked before is delivered or dropped,
     * or after the time-out.
     * @param {any} [how] its `timeout` in ms
     * @returns {Promise<import('../index.js').FlushResult>}
     */
    flush: (how) =>
      new Promise((resolve) => {
        const ms = attempt(() => (how.timeout >= 0 ? +how.timeout : FLUSH_MS)) ?? FLUSH_MS;
        /** @type {typeof flushes[0]} */
        const flush = {
          resolve,
          timer: setTimeout(() => {
            flush.id = -1;
            finish(-1);
          }, Math.min(ms, 2 ** 31 - 1)),
        };
        flushes.push(flush);
        tell(FLUSH);
        if (state().over) finish(undefined);
      }),
  };
}
