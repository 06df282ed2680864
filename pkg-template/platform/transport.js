import { attempt } from '../serialize.js';
import { addressOf } from '../writer.js';

/** How long a request may take, in ms. 30 s: what a slow collector or a captive network needs; then it counts as unheard. */
const TIMEOUT_MS = 30_000;

/** @typedef {(status: number, retryAfter?: number, text?: string) => void} Reply a status of 0: nothing was heard */

/**
 * The two ways out: `fetch`, which brings an answer, and `sendBeacon`, which outlives the page.
 * @param {import('../index.js').TelemetryOptions} options
 */
export function transport(options) {
  /** @type {(() => void)[]} */
  const tasks = [];
  /** @type {Set<any>} the time-outs of what is in the air */
  const timers = new Set();
  /** A task of its own for each request: `fetch` takes longer than all else. Hidden pages do not throttle messages. */
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    tasks.shift()?.();
    if (tasks[0]) port2.postMessage(0); // Firefox loses what is on its way when the page goes into the back/forward cache
  };

  return {
    /**
     * Posts `body`. No cookies, no cache, no preflight: a string is `text/plain;charset=UTF-8` (Fetch, 5.3).
     * @param {string} stream
     * @param {string} body
     * @param {Reply} reply called once
     */
    post(stream, body, reply) {
      const abort = new AbortController();
      const exchange = async () => {
        const how = { method: 'POST', credentials: 'omit', cache: 'no-store', body, signal: abort.signal };
        const answer = await fetch(addressOf(options, stream), /** @type {RequestInit} */ (how));
        end(answer.status, retryAfter(answer.headers), await answer.text());
      };
      /** Whatever comes first. @type {Reply} */
      const end = (...answer) => {
        clearTimeout(timer);
        if (timers.delete(timer)) reply(...answer);
      };
      const timer = setTimeout(() => {
        abort.abort();
        end(0); // also where a fetch does not even hear its signal
      }, TIMEOUT_MS);
      timers.add(timer);
      tasks.push(() => exchange().catch(() => end(0)));
      port2.postMessage(0);
    },

    /**
     * Whether the browser took the beacon.
     * @param {string} stream
     * @param {string} body
     */
    beacon: (stream, body) => attempt(() => navigator.sendBeacon(addressOf(options, stream), body)),

    /** No answer is waited for any more; what has to go out still does. */
    clear() {
      timers.forEach(clearTimeout);
      timers.clear();
    },
  };
}

/**
 * The ms of a Retry-After: seconds, or a date that the server's own clock is asked about (RFC 9110, 10.2.3); nothing, or NaN,
 * for none.
 * @param {Headers} headers
 */
function retryAfter(headers) {
  const value = headers.get('Retry-After') ?? '';
  if (/^\d+$/.test(value)) return +value * 1000;
  return Math.max(Date.parse(value) - (Date.parse(headers.get('Date') ?? '') || Date.now()), 0);
}
