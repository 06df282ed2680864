/**
 * What each panel should show, worked out from what was sent and not from LogQL: by the dashboard, the panel's title and the query's letter.
 */

import { REPEATED } from './visits.js';

/** @typedef {import('./servers.js').Sample & { slack?: number }} Sample by so much more a value may be */
/** @typedef {import('./visits.js').Visit & { sent: number }} Sent */
/** @typedef {Record<string, string>} Labels */
/** @typedef {{ type: string, data: any, ts: number, received: number, labels: Labels }} Fact an event, and all that it can be grouped by */
/** @typedef {{ env?: string, release?: string, browser: string, dropped: Record<string, number> }} Told what a stream's books say */
/** @typedef {{ events: Fact[], books: Told[] }} Truth */
/** @typedef {{ app: string, env: string, release: string, page: string, group: string, session: string }} Chosen regular expressions */

/** What the User-Agents of ./visits.js are. */
const AGENTS = /** @type {const} */ ([
  ['iPhone', { browser: 'Mobile Safari 18', device: 'iPhone' }],
  ['Linux', { browser: 'Chrome 141', device: 'Linux' }],
]);

/** How errors are shown in groups, by their name. */
const GROUPS = /** @type {Record<string, { message: string, file: string }>} */ ({
  PaymentError: { message: 'payment of order # refused', file: 'checkout.js' },
  TypeError: { message: "Cannot read properties of undefined (reading 'items')", file: 'cart.js' },
  Error: { message: 'thrown "without" stack #', file: '' },
});

/** The word that stands for a group in links. @param {string} name */
export const groupOf = (name) =>
  Buffer.from(`${name} ${GROUPS[name]?.message} ${GROUPS[name]?.file}`).toString('base64url');

/** @param {Sent[]} visits @returns {Fact[]} */
export const facts = (visits) =>
  visits.flatMap((visit) =>
    visit.events.map(({ type, page, ago, data }) => {
      const agent = agentOf(visit);
      const error = type === 'error' ? { group: groupOf(data.name), ...GROUPS[data.name] } : {};
      const { user = '', release = 'none', session, env = '' } = visit;
      const labels = { app: 'shop', type, page, session, release, env, ...agent, who: user || session, name: data.name ?? '', ...error };
      return { type, data, ts: visit.sent - ago, received: visit.sent, labels };
    }),
  );

const agentOf = (/** @type {Sent} */ { agent }) => AGENTS.find(([word]) => agent.includes(word))?.[1] ?? { browser: '', device: '' };

/** @param {string} pattern @param {string} [text] */
const matches = (pattern, text = '') => new RegExp(`^(?:${pattern})$`).test(text);

/** @param {Fact} fact @param {string[]} names @returns {Labels} */
const some = ({ labels, data }, names) => Object.fromEntries(names.map((name) => [name, `${labels[name] ?? data[name] ?? ''}`]));

/**
 * One sample for each set of labels.
 * @param {Fact[]} facts
 * @param {string[]} names
 * @param {(group: Fact[]) => number} value
 * @returns {Sample[]}
 */
function by(facts, names, value) {
  /** @type {Map<string, Fact[]>} */
  const groups = new Map();
  for (const fact of facts) {
    const key = JSON.stringify(some(fact, names));
    groups.set(key, [...(groups.get(key) ?? []), fact]);
  }
  return [...groups].map(([labels, group]) => ({ labels: JSON.parse(labels), value: value(group) }));
}

const count = (/** @type {Fact[]} */ group) => group.length;
const times = (/** @type {Fact[]} */ group) => group.reduce((sum, { data }) => sum + (data.count ?? 1), 0);
const people = (/** @type {Fact[]} */ group) => new Set(group.map(({ labels }) => labels.who)).size;
const first = (/** @type {Fact[]} */ group) => Math.min(...group.map(({ ts }) => ts));
const last = (/** @type {Fact[]} */ group) => Math.max(...group.map(({ ts }) => ts));

/** One number without labels, or nothing where there is nothing to count. @param {Fact[]} facts @param {(group: Fact[]) => number} value */
const total = (facts, value) => by(facts, [], value);

/**
 * As Prometheus has it: between the two nearest values, in proportion.
 * @param {number} q
 * @param {number[]} values
 */
function quantile(q, values) {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = q * (sorted.length - 1);
  const below = sorted[Math.floor(rank)] ?? NaN;
  const above = sorted[Math.ceil(rank)] ?? NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}

/** @param {number} q @param {(fact: Fact) => number} [value] */
const quantileOf = (q, value = ({ data }) => data.value) => (/** @type {Fact[]} */ group) => quantile(q, group.map(value));

/** What a request takes to the collector, on a busy machine. */
const TRAVEL_MS = 10_000;

const VITALS = ['LCP', 'INP', 'CLS', 'FCP', 'TTFB'];
/** How the reasons that occur are put for people. @type {Record<string, string>} */
const REASONS = { full: 'full: memory or storage was full', too_large: 'too_large: larger than the limit', storage: 'storage: the storage lost it' };
const LETTERS = 'ABCDEFGHIJ';

/** @typedef {Record<string, Record<string, Record<string, Sample[]>>>} Answers */

/** All that the visits sent. @param {Sent[]} visits @returns {Truth} */
export const truthOf = (visits) => ({
  events: facts(visits),
  books: visits.flatMap((visit) => (visit.dropped ? [{ ...visit, browser: agentOf(visit).browser, dropped: visit.dropped }] : [])),
});

/**
 * The answers of Loki, but for lines.
 * @param {Truth} truth
 * @param {Chosen} chosen
 * @returns {Answers}
 */
export function lokiAnswers(truth, chosen) {
  const isChosen = (/** @type {{ env?: string, release?: string }} */ { env, release }) =>
    matches(chosen.env, env) && matches(chosen.release, release === 'none' ? '' : release);
  const events = truth.events.filter(({ labels }) => isChosen(labels));
  const books = truth.books.filter(isChosen);
  const errors = events.filter(({ type }) => type === 'error');
  const inGroup = errors.filter(({ labels }) => matches(chosen.group, labels.group));
  const inPage = events.filter(({ labels }) => matches(chosen.page, labels.page));
  const named = (/** @type {Fact[]} */ events, /** @type {string} */ name) => events.filter(({ labels }) => labels.name === name);
  const vital = (/** @type {string} */ name) => named(events, name);
  const requests = named(inPage, 'response_time');
  const slow = named(inPage, 'slow_resource');
  const frames = named(inPage, 'long_animation_frame').map((fact) => ({ ...fact, data: { ...fact.data, script: fact.data.script?.url } }));
  const views = [...named(events, 'page_view'), ...named(events, 'route_change')];
  const ofSession = truth.events.filter(({ labels }) => matches(chosen.env, labels.env) && matches(chosen.session, labels.session));
  const groupLabels = ['group', 'name', 'message', 'file'];
  const drops = { A: dropped(books).map(({ labels, value }) => ({ labels: { reason: REASONS[`${labels.reason}`] ?? '' }, value })) };
  const delay = (/** @type {number} */ q) =>
    by(events, ['app'], quantileOf(q, ({ ts, received }) => received - ts)).map((sample) => ({ ...sample, slack: TRAVEL_MS }));

  return {
    overview: {
      Events: { A: total(events, count) },
      Visits: { A: total(named(events, 'page_view'), (group) => new Set(group.map(({ labels }) => labels.session)).size) },
      Errors: { A: by(errors, ['type'], times) },
      'Users affected': { A: total(errors, people) },
      'Events by type': { A: by(events, ['type'], count) },
      'Errors by release': { A: by(errors, ['release'], times) },
      ...Object.fromEntries(VITALS.map((name) => [name, { A: by(vital(name), ['name'], quantileOf(0.75)) }])),
      'Most frequent errors': { A: by(errors, groupLabels, times) },
      'What was lost, and why': drops,
    },
    errors: {
      Errors: { A: by(inGroup, ['type'], times) },
      Groups: { A: total(inGroup, (group) => new Set(group.map(({ labels }) => labels.group)).size) },
      'Groups of errors': {
        A: by(inGroup, groupLabels, times),
        B: by(inGroup, groupLabels, first),
        C: by(inGroup, groupLabels, last),
        D: by(inGroup, groupLabels, people),
      },
      'Users affected': { A: total(inGroup, people) },
      'Errors over time': { A: by(inGroup, ['name'], times) },
      'By release': { A: by(inGroup, ['release'], times) },
      'By browser': { A: by(inGroup, ['browser'], times) },
      'By page': { A: by(inGroup, ['page'], times) },
    },
    performance: {
      'Vitals by page': { ...vitalsBy(inPage, 'page'), F: by(inPage.filter(({ type }) => type === 'vital'), ['page'], count) },
      'Vitals by device': vitalsBy(inPage, 'device'),
      ...Object.fromEntries(
        VITALS.slice(0, 3).map((name) => [`${name} over time`, { A: by(named(inPage, name), ['release'], quantileOf(0.75)) }]),
      ),
      'Response time': {
        A: by(requests, ['name'], quantileOf(0.5)),
        B: by(requests, ['name'], quantileOf(0.75)),
        C: by(requests, ['name'], quantileOf(0.95)),
      },
      'Requests by address': {
        A: by(requests, ['url'], count),
        B: by(requests, ['url'], quantileOf(0.75)),
        C: by(requests, ['url'], quantileOf(0.95)),
        D: by(requests.filter(({ data }) => data.status >= 400), ['url'], count),
      },
      'Slow resources': { A: by(slow, ['url', 'initiator'], count), B: by(slow, ['url', 'initiator'], quantileOf(0.75)) },
      'Long animation frames': { A: by(frames, ['script', 'page'], count), B: by(frames, ['script', 'page'], quantileOf(0.75)) },
      'Page views': { A: by(views, ['route'], count) },
    },
    delivery: {
      'Stored, by type': { A: by(events, ['type'], count) },
      'From the event to the collector': { A: delay(0.5), B: delay(0.95), C: delay(0.99) },
      'Told as dropped, by reason': drops,
      'Streams that told of drops, by browser': {
        A: [...new Set(books.map(({ browser }) => browser))].map((browser) => ({
          labels: { browser },
          value: books.filter((stream) => stream.browser === browser).length,
        })),
      },
    },
    session: { Events: { A: by(ofSession, ['type'], count) } },
  };
}

/** @param {Fact[]} events @param {string} label @returns {Record<string, Sample[]>} */
const vitalsBy = (events, label) =>
  Object.fromEntries(VITALS.map((name, at) => [LETTERS[at], by(events.filter(({ labels }) => labels.name === name), [label], quantileOf(0.75))]));

/** A sample for each reason that occurs. @param {{ dropped?: Record<string, number> }[]} books @returns {Sample[]} */
const dropped = (books) =>
  Object.keys(REASONS)
    .map((reason) => ({ labels: { reason }, value: books.reduce((sum, { dropped }) => sum + (dropped?.[reason] ?? 0), 0) }))
    .filter(({ value }) => value);

/**
 * The answers of Prometheus. A rate is asked for over the whole time, so that it has the increase in it; Prometheus extrapolates, so it
 * is given as bounds.
 * @param {Sent[]} visits
 * @param {number} bad how many requests of each kind were not taken, after the first
 * @returns {Record<string, Record<string, { samples: Sample[], isRate?: boolean }>>}
 */
export function prometheusAnswers(visits, bad) {
  const stored = facts(visits).length;
  const sum = (/** @type {(visit: Sent) => number | undefined} */ of) => visits.reduce((total, visit) => total + (of(visit) ?? 0), 0);
  const one = (/** @type {number} */ value, /** @type {Labels} */ labels = {}) => ({ samples: [{ labels, value }] });
  const allDropped = dropped(visits).reduce((total, { value }) => total + value, 0);
  // The event of a malformed request is numbered, and not here: its page may send it again.
  const outstanding = sum(({ held }) => held) + bad + 1;
  const missing = sum(({ missing }) => missing);
  return {
    Stored: { A: one(stored) },
    Outstanding: { A: one(outstanding) },
    Dropped: { A: one(allDropped) },
    Missing: { A: one(missing) },
    'Dropped, by reason': { A: { samples: dropped(visits).map(({ labels, value }) => ({ labels: { fate: `${labels.reason}` }, value })) } },
    'Outstanding and missing over time': { A: one(outstanding), B: one(missing), C: one(allDropped) },
    'Not yet forwarded': { A: one(0, { consumer: 'loki' }) },
    'Events stored and duplicate': { A: { ...one(stored), isRate: true }, B: { ...one(REPEATED), isRate: true } },
    'Requests refused': { A: { ...one(bad, { reason: 'key' }), isRate: true } },
    'Batches rejected': { A: { ...one(bad, { reason: 'json' }), isRate: true } },
  };
}
