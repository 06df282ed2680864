import { attempt } from '../serialize.js';
import { WAKE } from './told.js';

/** The longest delay that `setTimeout` takes; a longer one fires at once (HTML, 8.6: a 32-bit integer). */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Alarms.
 * @param {import('./host.js').Tell} tell
 */
export function timer(tell) {
  /** @type {{ id: number, at: number }[]} by what they tell */
  const alarms = [];
  return {
    /**
     * Tells `what` once after `ms`, instead of when it was set for before; Infinity for never. The core's may be early:
     * setting a timer anew costs more than one that comes for nothing.
     */
    setAlarm(/** @type {number} */ what, /** @type {number} */ ms) {
      const at = performance.now() + ms;
      const set = alarms[what];
      if (set && what === WAKE && set.at <= at) return;
      attempt(() => {
        if (set) clearTimeout(set.id);
        delete alarms[what];
        if (ms === Infinity) return;
        const ring = () => {
          delete alarms[what];
          tell(what);
        };
        alarms[what] = { id: +setTimeout(ring, Math.min(ms, MAX_DELAY_MS)), at };
      });
    },

    clearTimers: () => alarms.forEach(({ id }) => clearTimeout(id)),
  };
}
