/**
 * What each panel of the dashboards asks for, put to the real Loki and Prometheus beside the collector, and held against what was sent.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { dashboards, defaults, expand, RANGE } from './grafana.js';
import { assertLoki, assertSame, question, questions } from './questions.js';
import { LOKI, lokiLabel, lokiLines, PROMETHEUS, prometheusNow } from './servers.js';
import { Stack } from './stack.js';
import { facts, groupOf, lokiAnswers, prometheusAnswers, truthOf } from './truth.js';
import { APP, KEY, ORIGIN, send, sendBad, VISITS } from './visits.js';

/** What a rate may be off by, as factors: Prometheus extrapolates from few scrapes to the ends of the window. */
const LEAST = 0.5;
const MOST = 3;

/** Other than the defaults, to see that they arrive. */
const RETENTION = { LOKI_RETENTION: '720h', PROMETHEUS_RETENTION: '720h' };

const stack = new Stack({ BEACONRY_KEYS: KEY, BEACONRY_APP: APP, BEACONRY_ORIGINS: ORIGIN, ...RETENTION });
/** @type {import('./truth.js').Sent[]} before Prometheus has scraped for the first time */
let early = [];
/** @type {import('./truth.js').Sent[]} */
let late = [];
/** @type {import('./truth.js').Sent[]} */
let visits = [];
/** When the questions are asked, in unix seconds. */
let time = 0;

before(async () => {
  await stack.healthy();
  // A counter that is seen for the first time has no increase: so some of everything comes before that.
  assert.deepEqual(await sendBad(), { unknown: 401, malformed: [{ batch: 0, reason: 'json' }] });
  early = await send(VISITS.slice(0, 1));
  await early[0]?.again();
  await stack.scraped();
  late = await send(VISITS.slice(1));
  await early[0]?.again();
  await sendBad();
  visits = [...early, ...late];
  await stack.forwarded(() => facts(visits).length);
  await stack.scraped();
  time = Math.ceil(Date.now() / 1000);
});

after(() => stack.stop());

/** What is chosen at the top of the dashboards: all, and then a part of it, as Grafana writes several values. */
const CHOICES = {
  'all that is there': {},
  'one release, page, group and session': {
    app: 'shop',
    env: 'production|staging',
    release: '1\\.5\\.0',
    page: '/cart',
    group: groupOf('TypeError'),
    session: 'visit-ben-1',
  },
};

for (const [what, choice] of Object.entries(CHOICES)) {
  test(`every LogQL expression returns what it should, for ${what}`, async () => {
    const all = { app: '.+', env: '.*', release: '.*', page: '.*', group: '.*', session: '.*' };
    await assertLoki(lokiAnswers(truthOf(visits), { ...all, ...choice }), choice, time);
  });
}

test('the table of errors shows the newest first, with what its columns and links need', async () => {
  const errors = facts(visits)
    .filter(({ type }) => type === 'error')
    .sort((a, b) => b.ts - a.ts);
  const { query, target } = question('Errors, the newest first', {});
  const lines = await lokiLines(query, time - RANGE, time, target.maxLines);
  const shown = lines.map(({ ts, labels }) => {
    const { name, message, said, page, release, browser, session, from, to, group } = labels;
    return { ts, name, message, said, page, release, browser, session, from, to, group };
  });
  const sent = errors.map(({ data, ts, labels }) => {
    const { name, message, page, release, browser, session, group } = labels;
    return {
      ts,
      name,
      message,
      said: data.message,
      page,
      release,
      browser,
      session,
      from: `${ts - 300_000}`,
      to: `${ts + 300_000}`,
      group,
    };
  });
  assert.deepEqual(shown, sent);
});

test('one click from an error leads to all that its visit sent around it, in short and in order', async () => {
  const { query } = question('What happened, in order', { session: 'visit-ben-1' });
  const sent = facts(visits).filter(({ labels }) => labels.session === 'visit-ben-1');
  const [error] = sent.filter(({ type }) => type === 'error');
  assert.ok(error);
  const lines = await lokiLines(query, Math.floor((error.ts - 300_000) / 1000), time);
  assert.equal(lines.length, sent.length);
  const said = lines.map(({ line }) => line.replaceAll(/ +/g, ' '));
  for (const expected of [
    'error PaymentError payment of order 99871 refused',
    'vital LCP 4600',
    'metric response_time 900ms /api/cart (/)',
    'event page_view (/)',
  ]) {
    assert.ok(
      said.some((line) => line.startsWith(expected)),
      `${expected} is not in\n${said.join('\n')}`,
    );
  }
});

test('every PromQL expression returns what it should', async () => {
  const expected = prometheusAnswers(early, late);
  let asked = 0;
  for (const { name, panel, target, query } of questions('prometheus', {})) {
    const where = `${name} / ${panel.title} / ${target.refId}\n${query}`;
    const answer = await prometheusNow(query, time);
    const truth = expected[panel.title]?.[target.refId];
    assert.ok(truth, `nobody says what ${where} should return`);
    if (truth.isRate) assertIncrease(answer, truth.samples, where);
    else assertSame(answer, truth.samples, where);
    asked += 1;
  }
  assert.equal(asked, Object.values(expected).flatMap(Object.values).length, 'each expectation is of a panel');
});

/** @param {import('./servers.js').Sample[]} answer @param {import('./servers.js').Sample[]} truth @param {string} where */
function assertIncrease(answer, truth, where) {
  assert.deepEqual(
    answer.map(({ labels }) => labels),
    truth.map(({ labels }) => labels),
    where,
  );
  const [increase, real] = [(answer[0]?.value ?? 0) * RANGE, truth[0]?.value ?? 0];
  assert.ok(increase > real * LEAST && increase < real * MOST, `${increase}, not about ${real}: ${where}`);
}

test('the profile otlp brings every event to an OpenTelemetry Collector too', async () => {
  const messages = facts(visits)
    .filter(({ type }) => type === 'error')
    .map(({ data }) => data.message);
  const books = visits.filter(({ dropped, missing }) => dropped || missing).length;
  const records = () => stack.said('otelcol').match(/LogRecord #/g)?.length;
  await stack.until('the OpenTelemetry Collector has all lines', async () => records() === facts(visits).length + books);
  for (const message of messages) assert.ok(stack.said('otelcol').includes(message), message);
});

test('Loki and Prometheus keep what .env says, and Loki deletes', async () => {
  const loki = await (await fetch(`${LOKI}/config`)).text();
  assert.match(loki, /^ *retention_period: 30d$/m);
  assert.match(loki, /^ *retention_enabled: true$/m);
  const { data } = await (await fetch(`${PROMETHEUS}/api/v1/status/flags`)).json();
  assert.equal(data['storage.tsdb.retention.time'], '30d');
});

test('the variables offer the apps and environments that there are', async () => {
  for (const [name, dashboard] of dashboards()) {
    for (const { name: variable, query, type } of dashboard.templating.list ?? []) {
      if (type !== 'query' || typeof query !== 'object') continue;
      const values = await lokiLabel(query.label, expand(query.stream, defaults(dashboard)), time - RANGE, time);
      const offered = { app: ['shop'], env: ['production', 'staging'] }[variable];
      assert.deepEqual([...values].sort(), offered, `${variable} of ${name}`);
    }
  }
});
