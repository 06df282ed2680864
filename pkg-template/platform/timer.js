import { attempt } from '../serialize.js';
import { FLUSH_TIMED_OUT, WAKE } from './told.js';

/** The longest delay that `setTimeout` takes; a longer one fires at once (HTML, 8.6: a 32-bit integer). */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Timers, microtasks and what waits for them.
 * @param {import('./host.js').Tell} tell
 */
export function timer(tell) {
  /** @type {number[]} by what they tell */
  const alarms = [];
  /** @type {{ id: number, timer: number, resolve: (result: any) => void }[]} */
  let flushes = [];
  return {
    /** Tells `what` once after `ms`, instead of when it was set for before; Infinity for never. It may be early. */
    setAlarm(/** @type {number} */ what, /** @type {number} */ ms) {
      clearTimeout(alarms[what]);
      if (ms < Infinity) alarms[what] = +setTimeout(() => tell(what), Math.min(ms, MAX_DELAY_MS));
    },

    clearTimers: () => alarms.forEach((id) => clearTimeout(id)),

    wakeAtEndOfTask: () => queueMicrotask(() => tell(WAKE)),

    /**
     * A promise of a flush's result, whose time-out is told.
     * @param {number} id
     * @param {any} how its `timeout` in ms
     * @param {number} ms where there is none
     */
    flush: (id, how, ms) =>
      new Promise((resolve) => {
        const wait = attempt(() => (how.timeout >= 0 ? +how.timeout : ms)) ?? ms;
        flushes.push({ id, timer: +setTimeout(() => tell(FLUSH_TIMED_OUT, id), Math.min(wait, MAX_DELAY_MS)), resolve });
      }),

    /**
     * Resolves the promises of a flush, or of all.
     * @param {string} result as JSON
     * @param {number} [which]
     */
    finish(result, which) {
      flushes = flushes.filter(({ id, timer, resolve }) => {
        if (which !== undefined && id !== which) return true;
        clearTimeout(timer);
        resolve(JSON.parse(result));
      });
    },
  };
}
