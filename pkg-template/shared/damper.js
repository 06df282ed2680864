/** How long what is damped is only counted, in ms: it may be said again once what goes wrong should have passed. */
const QUIET_MS = 60_000;

/** Texts of a minute that are told apart: those beyond count as one, so that texts that never repeat cannot loop either. */
const TEXTS = 100;

/** Characters by which texts are told apart. */
const UNITS = 200;

/**
 * Makes a loop impossible: an event that is dropped, an app that logs that in `onDrop`, that line dropped in its turn. While the client
 * drops events, a text that was said within the last minute is counted, not sent, and the next event of it has the count.
 *
 * What is returned says how many times an event stands for its text, numbers in it aside; 0 where it is not to be sent.
 * @param {import('../index.js').Telemetry} telemetry
 */
export function damper(telemetry) {
  /** @type {Map<string, { at: number, count: number }>} the last that was said last */
  const texts = new Map();
  let dropped = 0; // as far as is known
  let droppedAt = -Infinity;
  let isKnown = false; // in this task: asking costs more than tracking

  /** @param {number} now */
  function isDropping(now) {
    if (!isKnown) {
      isKnown = true;
      setTimeout(() => (isKnown = false));
      const total = Object.values(telemetry.stats().dropped).reduce((sum, count) => sum + count, 0);
      if (total > dropped) [dropped, droppedAt] = [total, now];
    }
    return now - droppedAt < QUIET_MS;
  }

  /**
   * @param {string} text
   * @param {number} [times] that it stands for already
   */
  return (text, times = 1) => {
    const now = performance.now();
    let key = text.slice(0, UNITS).replace(/\d+/g, '#');
    if (!texts.has(key) && texts.size >= TEXTS && !forget(texts, now - QUIET_MS)) key = '';
    const { at = -Infinity, count = 0 } = texts.get(key) ?? {};
    texts.delete(key);
    const isDamped = now - at < QUIET_MS && isDropping(now);
    texts.set(key, isDamped ? { at, count: count + times } : { at: now, count: 0 });
    return isDamped ? 0 : count + times;
  };
}

/**
 * Forgets a text that was said last before then, and owes nobody a count.
 * @param {Map<string, { at: number, count: number }>} texts
 * @param {number} then
 */
function forget(texts, then) {
  for (const [key, { at, count }] of texts) if (at <= then && !count) return texts.delete(key);
}
