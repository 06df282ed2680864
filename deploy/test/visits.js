/**
 * What the pages of an app send, as the protocol has it (DESIGN.md): visits of several users, releases, devices and pages, with all types of
 * events as the package's modules shape them, with drops, repeats and one stream that lost something.
 */

import { randomBytes } from 'node:crypto';

import { COLLECTOR } from './servers.js';

export const KEY = 'a-public-key';
export const APP = 'shop';
export const ORIGIN = 'https://shop.example.com';

/** User-Agents, and what the collector makes of them. */
const DESKTOP = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';

/**
 * @typedef {{ type: string, page: string, ago: number, data: any }} Event `ago` is in ms before it was sent
 * @typedef {object} Visit
 * @property {string} session
 * @property {string} [user]
 * @property {string} [release]
 * @property {string} [env]
 * @property {string} agent
 * @property {Event[]} events those that are sent, under the numbers from 0 on
 * @property {Record<string, number>} [dropped] how many after them were dropped, by reason
 * @property {number} [held] how many after those the page still holds
 * @property {number} [missing] how many after those nobody knows of; then the stream has ended
 */

/** @param {string} page @param {number} ago @param {Record<string, number>} values */
const vitals = (page, ago, values) =>
  Object.entries(values).map(([name, value]) => ({
    type: 'vital',
    page,
    ago,
    data: { name, value, rating: 'good', id: `v5-${name}`, navigation: 'navigate' },
  }));

/** @param {string} page @param {number} ago */
const view = (page, ago) => ({ type: 'event', page, ago, data: { name: 'page_view', route: page, navigation: 'navigate' } });

/** @param {string} page @param {number} ago @param {number} value @param {string} url @param {number} status */
const request = (page, ago, value, url, status) => ({
  type: 'metric',
  page,
  ago,
  data: { name: 'response_time', value, unit: 'ms', url, initiator: 'fetch', at: 1200, status },
});

/** @param {string} page @param {number} ago @param {number} value @param {string} url @param {string} initiator */
const slow = (page, ago, value, url, initiator) => ({
  type: 'metric',
  page,
  ago,
  data: { name: 'slow_resource', value, unit: 'ms', url, initiator, at: 40 },
});

/** @param {string} page @param {number} ago @param {number} value @param {string} url */
const frame = (page, ago, value, url) => ({
  type: 'metric',
  page,
  ago,
  data: {
    name: 'long_animation_frame',
    value,
    unit: 'ms',
    at: 900,
    blocking: value - 50,
    script: { duration: value - 10, invoker: 'BUTTON.onclick', url, function: 'pay' },
  },
});

/** A stack as Chromium writes it, of a file that a bundler named. @param {string} head @param {string} file @param {number} column */
const stack = (head, file, column) =>
  `${head}\n    at pay (https://shop.example.com/assets/${file}:1:${column})\n    at https://shop.example.com/assets/vendor-Zz19fQ_a.js:1:7`;

/** @param {number} ago @param {string} order @param {string} file @param {object} [more] */
const refused = (ago, order, file, more = {}) => {
  const message = `payment of order ${order} refused`;
  return {
    type: 'error',
    page: '/checkout',
    ago,
    data: { name: 'PaymentError', message, stack: stack(`PaymentError: ${message}`, file, 4711), handled: true, ...more },
  };
};

const undefinedError = (/** @type {string} */ page, /** @type {number} */ ago, /** @type {string} */ file) => {
  const message = "Cannot read properties of undefined (reading 'items')";
  return {
    type: 'error',
    page,
    ago,
    data: { name: 'TypeError', message, stack: stack(`TypeError: ${message}`, file, 88), handled: false, source: 'window' },
  };
};

const MINUTE = 60_000;

/** @type {Visit[]} */
export const VISITS = [
  {
    session: 'visit-anna-1',
    user: 'anna',
    release: '1.4.2',
    env: 'production',
    agent: DESKTOP,
    events: [
      view('/', 20 * MINUTE),
      ...vitals('/', 19 * MINUTE, { LCP: 1800, INP: 90, CLS: 0.02, FCP: 900, TTFB: 240 }),
      { type: 'log', page: '/', ago: 19 * MINUTE, data: { level: 'warn', message: 'cart is slow', items: 40 } },
      request('/', 18 * MINUTE, 120, '/api/cart', 200),
      {
        type: 'event',
        page: '/checkout',
        ago: 17 * MINUTE,
        data: { name: 'route_change', route: '/checkout', from: '/', navigation: 'push' },
      },
      refused(16 * MINUTE, '81234', 'checkout-BxK2aQ9z.js'),
      refused(15 * MINUTE, '81234', 'checkout-BxK2aQ9z.js', { count: 4 }),
      { type: 'event', page: '/checkout', ago: 14 * MINUTE, data: { name: 'checkout', step: 2 } },
    ],
    dropped: { full: 7, too_large: 1 },
  },
  {
    session: 'visit-ben-1',
    user: 'ben',
    release: '1.5.0',
    env: 'production',
    agent: IPHONE,
    events: [
      view('/', 12 * MINUTE),
      ...vitals('/', 12 * MINUTE, { LCP: 4600, INP: 620, CLS: 0.31, FCP: 2900, TTFB: 1900 }),
      slow('/', 12 * MINUTE, 2400, '/assets/hero.jpg', 'img'),
      slow('/', 11 * MINUTE, 1400, '/assets/hero.jpg', 'img'),
      request('/', 11 * MINUTE, 900, '/api/cart', 503),
      request('/', 11 * MINUTE, 700, '/api/cart', 200),
      // The same group as in the release before: another order, another hash in the file's name, another column.
      refused(10 * MINUTE, '99871', 'checkout-C0ffee_1.js'),
      undefinedError('/cart', 9 * MINUTE, 'cart-Df81kzQ0.js'),
      frame('/cart', 9 * MINUTE, 180, '/assets/cart-Df81kzQ0.js'),
    ],
    dropped: { full: 3 },
  },
  {
    session: 'visit-nobody-1',
    release: '1.5.0',
    env: 'staging',
    agent: DESKTOP,
    events: [
      view('/cart', 6 * MINUTE),
      ...vitals('/cart', 6 * MINUTE, { LCP: 2600, INP: 210, CLS: 0.12, FCP: 1200, TTFB: 700 }),
      undefinedError('/cart', 5 * MINUTE, 'cart-Df81kzQ0.js'),
      frame('/cart', 5 * MINUTE, 90, '/assets/cart-Df81kzQ0.js'),
      { type: 'metric', page: '/cart', ago: 5 * MINUTE, data: { name: 'cart_size', value: 12 } },
    ],
    held: 5,
  },
  {
    // Names neither release, environment nor user, and ended with a loss.
    session: 'visit-plain-1',
    agent: IPHONE,
    events: [
      view('/', 4 * MINUTE),
      { type: 'log', page: '/', ago: 3 * MINUTE, data: { level: 'error', message: 'no such "product"\nof id 17', quoted: 'a\\b' } },
      {
        type: 'error',
        page: '/',
        ago: 2 * MINUTE,
        data: { name: 'Error', message: 'thrown "without" stack 5f3e9ab1-77aa-4c1e-9a51-0d2b8f6c1e77' },
      },
    ],
    missing: 2,
    dropped: { storage: 2 },
  },
];

/** @typedef {Visit & { sent: number, again: () => Promise<void> }} Sent when it was sent, and how to send it once more, as a client does that has not heard the answer */

/** @param {Visit[]} visits @returns {Promise<Sent[]>} */
export async function send(visits) {
  const all = [];
  for (const visit of visits) {
    const request = requestOf(visit);
    const again = async () => {
      const response = await post(request, visit.agent);
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    };
    await again();
    all.push({ ...visit, sent: request.sent, again });
  }
  return all;
}

/** Two requests that the collector does not take: under an unknown key, and with an event that is no JSON. Gives its answers. */
export async function sendBad() {
  const visit = { session: 'visit-bad', agent: DESKTOP, events: [view('/', 0)] };
  const unknown = await post(requestOf(visit, { key: 'wrong' }), visit.agent);
  const good = requestOf(visit);
  const malformed = await post({ ...good, body: good.body.replace('{"type"', '{type') }, visit.agent);
  return { unknown: unknown.status, malformed: (await malformed.json()).rejected };
}

/** @param {{ url: string, body: string }} request @param {string} agent */
const post = ({ url, body }, agent) =>
  fetch(url, { method: 'POST', body, headers: { origin: ORIGIN, 'user-agent': agent, 'content-type': 'text/plain;charset=UTF-8' } });

/**
 * One request with a batch for each event.
 * @param {Visit} visit
 * @param {{ key?: string }} [options]
 */
function requestOf({ session, user, release, env, events, dropped = {}, held = 0, missing = 0 }, { key = KEY } = {}) {
  const sent = Date.now();
  const born = Math.min(sent, ...events.map(({ ago }) => sent - ago)) - 1000;
  const stream = Buffer.concat([Buffer.from(born.toString(16).padStart(12, '0'), 'hex'), randomBytes(10)]).toString('base64url');
  let next = events.length;
  /** @param {number} count @returns {[number, number]} */
  const take = (count) => [next, (next += count)];
  const drops = Object.fromEntries(Object.entries(dropped).map(([reason, count]) => [reason, [take(count)]]));
  const holds = held ? [take(held)] : [];
  take(missing);
  const line = { stream, v: 1, sdk: 'beaconry/0.1.0', release, env, session, tracked: next, dropped: drops, holds, closed: missing > 0 };
  const batches = events.flatMap(({ type, page, ago, data }, first) => [
    { batch: first, n: 1, page, user },
    { type, ts: sent - ago, data },
  ]);
  const body = [line, ...batches].map((object) => `${JSON.stringify(object)}\n`).join('');
  return { sent, url: `${COLLECTOR}/v1/events?key=${key}&stream=${stream}&now=${sent}`, body };
}
