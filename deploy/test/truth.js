/**
 * What each panel should show, worked out from what was sent and not from LogQL: by the dashboard, the panel's title and the query's letter.
 */

/** @typedef {import('./servers.js').Sample & { slack?: number }} Sample by so much more a value may be */
/** @typedef {import('./visits.js').Sent} Sent */
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
export const groupOf = (name) => Buffer.from(`${name} ${GROUPS[name]?.message} ${GROUPS[name]?.file}`).toString('base64url');

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
const distinct = (/** @type {string} */ label) => (/** @type {Fact[]} */ group) => new Set(group.map(({ labels }) => labels[label])).size;
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
const quantileOf =
  (q, value = ({ data }) => data.value) =>
  (/** @type {Fact[]} */ group) =>
    quantile(q, group.map(value));

/** What a request takes to the collector, on a busy machine. */
const TRAVEL_MS = 10_000;

const VITALS = ['LCP', 'INP', 'CLS', 'FCP', 'TTFB'];
/** How the reasons that occur are put for people. @type {Record<string, string>} */
const REASONS = {
  full: 'full: memory or storage was full',
  too_large: 'too_large: larger than the limit',
  storage: 'storage: the storage lost it',
};
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
  const ofSession = truth.events.filter(({ labels }) => matches(chosen.env, labels.env) && matches(chosen.session, labels.session));
  return {
    overview: ofOverview(events, errors, books),
    errors: ofErrors(inGroup),
    performance: {
      ...ofVitals(inPage),
      ...ofRequests(inPage),
      'Page views': { A: by(named(events, 'page_view', 'route_change'), ['route'], count) },
    },
    delivery: ofDelivery(events, books),
    session: { Events: { A: by(ofSession, ['type'], count) } },
  };
}

/** @param {Fact[]} events @param {...string} names */
const named = (events, ...names) => events.filter(({ labels }) => names.includes(`${labels.name}`));

const GROUP_LABELS = ['group', 'name', 'message', 'file'];

/** @param {Fact[]} events @param {Fact[]} errors @param {Told[]} books */
const ofOverview = (events, errors, books) => ({
  Events: { A: total(events, count) },
  Visits: { A: total(named(events, 'page_view'), distinct('session')) },
  Errors: { A: by(errors, ['type'], times) },
  'Users affected': { A: total(errors, distinct('who')) },
  'Events by type': { A: by(events, ['type'], count) },
  'Errors by release': { A: by(errors, ['release'], times) },
  ...Object.fromEntries(VITALS.map((name) => [name, { A: by(named(events, name), ['name'], quantileOf(0.75)) }])),
  'Most frequent errors': { A: by(errors, GROUP_LABELS, times) },
  'What was lost, and why': { A: inWords(dropped(books)) },
});

/** @param {Fact[]} errors */
const ofErrors = (errors) => ({
  Errors: { A: by(errors, ['type'], times) },
  Groups: { A: total(errors, distinct('group')) },
  'Groups of errors': {
    A: by(errors, GROUP_LABELS, times),
    B: by(errors, GROUP_LABELS, first),
    C: by(errors, GROUP_LABELS, last),
    D: by(errors, GROUP_LABELS, distinct('who')),
  },
  'Users affected': { A: total(errors, distinct('who')) },
  'Errors over time': { A: by(errors, ['name'], times) },
  'By release': { A: by(errors, ['release'], times) },
  'By browser': { A: by(errors, ['browser'], times) },
  'By page': { A: by(errors, ['page'], times) },
});

/** @param {Fact[]} events */
const ofVitals = (events) => ({
  'Vitals by page': { ...vitalsBy(events, 'page'), F: by(named(events, ...VITALS), ['page'], count) },
  'Vitals by device': vitalsBy(events, 'device'),
  ...Object.fromEntries(
    VITALS.slice(0, 3).map((name) => [`${name} over time`, { A: by(named(events, name), ['release'], quantileOf(0.75)) }]),
  ),
});

/** @param {Fact[]} events */
function ofRequests(events) {
  const requests = named(events, 'response_time');
  const failed = requests.filter(({ data }) => data.status >= 400);
  const slow = named(events, 'slow_resource');
  const frames = named(events, 'long_animation_frame').map((fact) => ({ ...fact, data: { ...fact.data, script: fact.data.script?.url } }));
  return {
    'Response time': {
      A: by(requests, ['name'], quantileOf(0.5)),
      B: by(requests, ['name'], quantileOf(0.75)),
      C: by(requests, ['name'], quantileOf(0.95)),
    },
    'Requests by address': {
      A: by(requests, ['url'], count),
      B: by(requests, ['url'], quantileOf(0.75)),
      C: by(requests, ['url'], quantileOf(0.95)),
      D: by(failed, ['url'], count),
    },
    'Slow resources': { A: by(slow, ['url', 'initiator'], count), B: by(slow, ['url', 'initiator'], quantileOf(0.75)) },
    'Long animation frames': { A: by(frames, ['script', 'page'], count), B: by(frames, ['script', 'page'], quantileOf(0.75)) },
  };
}

/** @param {Fact[]} events @param {Told[]} books */
function ofDelivery(events, books) {
  const delayOf = (/** @type {Fact} */ { ts, received }) => received - ts;
  const delay = (/** @type {number} */ q) => by(events, ['app'], quantileOf(q, delayOf)).map((sample) => ({ ...sample, slack: TRAVEL_MS }));
  const streamsOf = (/** @type {string} */ browser) => books.filter((stream) => stream.browser === browser).length;
  const browsers = [...new Set(books.map(({ browser }) => browser))];
  return {
    'Stored, by type': { A: by(events, ['type'], count) },
    'From the event to the collector': { A: delay(0.5), B: delay(0.95), C: delay(0.99) },
    'Told as dropped, by reason': { A: inWords(dropped(books)) },
    'Streams that told of drops, by browser': { A: browsers.map((browser) => ({ labels: { browser }, value: streamsOf(browser) })) },
  };
}

/** Reasons as people read them. @param {Sample[]} samples @returns {Sample[]} */
const inWords = (samples) => samples.map(({ labels, value }) => ({ labels: { reason: REASONS[`${labels.reason}`] ?? '' }, value }));

/** @param {Fact[]} events @param {string} label @returns {Record<string, Sample[]>} */
const vitalsBy = (events, label) =>
  Object.fromEntries(VITALS.map((name, at) => [LETTERS[at], by(named(events, name), [label], quantileOf(0.75))]));

/** A sample for each reason that occurs. @param {{ dropped?: Record<string, number> }[]} books @returns {Sample[]} */
const dropped = (books) =>
  Object.keys(REASONS)
    .map((reason) => ({ labels: { reason }, value: books.reduce((sum, { dropped }) => sum + (dropped?.[reason] ?? 0), 0) }))
    .filter(({ value }) => value);

/**
 * The answers of Prometheus. A rate is of what came after its first scrape: the `late` visits, the early ones again, and the second of two
 * requests of each kind that were not taken.
 * @param {Sent[]} early
 * @param {Sent[]} late
 * @returns {Record<string, Record<string, { samples: Sample[], isRate?: boolean }>>}
 */
export function prometheusAnswers(early, late) {
  const visits = [...early, ...late];
  const stored = facts(visits).length;
  const sum = (/** @type {(visit: Sent) => number | undefined} */ of) => visits.reduce((total, visit) => total + (of(visit) ?? 0), 0);
  const one = (/** @type {number} */ value, /** @type {Labels} */ labels = {}) => ({ samples: [{ labels, value }] });
  const allDropped = dropped(visits).reduce((total, { value }) => total + value, 0);
  // The event of a malformed request is numbered, and not here; two were sent.
  const outstanding = sum(({ held }) => held) + 2;
  const missing = sum(({ missing }) => missing);
  return {
    Stored: { A: one(stored) },
    Outstanding: { A: one(outstanding) },
    Dropped: { A: one(allDropped) },
    Missing: { A: one(missing) },
    'Dropped, by reason': { A: { samples: dropped(visits).map(({ labels, value }) => ({ labels: { fate: `${labels.reason}` }, value })) } },
    'Outstanding and missing over time': { A: one(outstanding), B: one(missing), C: one(allDropped) },
    'Not yet forwarded': { A: { samples: ['loki', 'otlp'].map((consumer) => ({ labels: { consumer }, value: 0 })) } },
    'Events stored and duplicate': { A: { ...one(facts(late).length), isRate: true }, B: { ...one(facts(early).length), isRate: true } },
    'Requests refused': { A: { ...one(1, { reason: 'key' }), isRate: true } },
    'Batches rejected': { A: { ...one(1, { reason: 'json' }), isRate: true } },
  };
}
