import { attempt } from '../serialize.js';
import { addressOf } from '../writer.js';
import { REPLIED } from './told.js';

/** How long a request may take, in ms. 30 s: what a slow collector or a captive network needs; then it counts as unheard. */
const TIMEOUT_MS = 30_000;

/**
 * The two ways out: `fetch`, which brings an answer, and `sendBeacon`, which outlives the page.
 * @param {import('../index.js').TelemetryOptions} options
 * @param {import('./host.js').Tell} tell
 */
export function transport(options, tell) {
  /** @type {(() => void)[]} */
  const tasks = [];
  /** @type {Map<number, any>} the time-outs of what is in the air */
  const alarms = new Map();
  /** A task of its own for each request: `fetch` takes longer than all else. Hidden pages do not throttle messages. */
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => tasks.shift()?.();

  return {
  /**
   * Posts `body` and tells what came of it. No cookies, no cache, no preflight: a string is `text/plain;charset=UTF-8`
   * (Fetch, 5.3).
   * @param {number} id
   * @param {string} stream
   * @param {string} body
   */
  post(id, stream, body) {
    const exchange = async () => {
      const init = /** @type {const} */ ({ method: 'POST', credentials: 'omit', cache: 'no-store', body, signal: abort.signal });
      const answer = await fetch(addressOf(options, stream), init);
      return /** @type {const} */ ([answer.status, retryAfter(answer.headers), await answer.text()]);
    };
    const abort = new AbortController();
    /** Once, whatever comes first. @type {(...answer: any[]) => void} */
    let reply = (status = 0, ...more) => {
      reply = () => {};
      clearTimeout(alarms.get(id));
      alarms.delete(id);
      tell(REPLIED, id, status, ...more);
    };
    const unheard = () => reply();
    alarms.set(id, setTimeout(() => {
      abort.abort(); // a fetch that does not even settle then is no longer waited for
      unheard();
    }, TIMEOUT_MS));
    tasks.push(() => exchange().then((answer) => reply(...answer), unheard));
    port2.postMessage(0);
  },

  /**
   * Whether the browser took the beacon.
   * @param {string} stream
   * @param {string} body
   */
  beacon: (stream, body) => !!attempt(() => navigator.sendBeacon(addressOf(options, stream), body)),

  /** Nothing is waited for any more; what has to go out still does. */
  clearRequests: () => alarms.forEach((alarm) => clearTimeout(alarm)),
  };
}

/**
 * The ms of a Retry-After: seconds, or a date that the server's own clock is asked about (RFC 9110, 10.2.3); NaN for none.
 * @param {Headers} headers
 */
function retryAfter(headers) {
  const value = headers.get('Retry-After') ?? '';
  if (/^\d+$/.test(value)) return +value * 1000;
  return Math.max(Date.parse(value) - (Date.parse(headers.get('Date') ?? '') || Date.now()), 0);
}
