import { NEVER } from '../messages.js';

/** The longest delay that `setTimeout` takes; a longer one fires at once (HTML, 8.6: a 32-bit integer). */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * An alarm: rings once after `ms`, instead of when it was set for before. One that `mayBeEarly` is not set anew for later:
 * that costs more than one that rings for nothing.
 * @param {() => void} ring
 * @returns {(ms: number, mayBeEarly?: boolean) => void}
 */
export function alarm(ring) {
  let id = 0;
  let at = Infinity;
  return (ms, mayBeEarly) => {
    const when = performance.now() + ms;
    if (mayBeEarly && at <= when) return;
    clearTimeout(id);
    at = Infinity;
    if (ms >= NEVER) return;
    at = when;
    id = +setTimeout(() => {
      at = Infinity;
      ring();
    }, Math.min(ms, MAX_DELAY_MS));
  };
}
