/**
 * The services of compose.yaml, run natively with exactly its commands, files and environment; then what each panel of the dashboards asks
 * for, put to the real Loki and Prometheus, and held against what was sent.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { resolve } from './compose.js';
import { Container } from './container.js';
import { dashboards, defaults, expand, panels, RANGE } from './grafana.js';
import { programs } from './programs.js';
import { COLLECTOR, LOKI, lokiLabel, lokiLines, lokiNow, lokiOver, prometheusNow, scraped } from './servers.js';
import { groupOf, facts, lokiAnswers, prometheusAnswers } from './truth.js';
import { APP, KEY, ORIGIN, send, sendBad } from './visits.js';
import { answers, until } from './wait.js';

/** Prometheus looks at a counter twice or more before it speaks of an increase, and extrapolates to the ends of the window. */
const RATE_TOLERANCE = 0.6;

const folder = mkdtempSync(join(tmpdir(), 'beaconry-stack-'));
/** @type {Container[]} */
const containers = [];
/** @type {(import('./visits.js').Visit & { sent: number })[]} */
let visits = [];
/** When the questions are asked, in unix seconds. */
let time = 0;

before(async () => {
  const environment = { BEACONRY_KEYS: KEY, BEACONRY_APP: APP, BEACONRY_ORIGINS: ORIGIN };
  const { services } = resolve(['prometheus'], environment);
  for (const [name, program] of Object.entries(programs())) {
    const service = services[name];
    assert.ok(service, name);
    containers.push(new Container(name, service, program, { folder, names: Object.keys(services) }));
  }
  await running('the collector is healthy', () => answers(`${COLLECTOR}/healthz`));
  // Counters that are seen for the first time have no increase: so what is refused is refused twice.
  assert.deepEqual(await sendBad(), { unknown: 401, malformed: [{ batch: 0, reason: 'json' }] });
  await running('Prometheus scrapes', () => scraped().then(() => true));
  visits = await send();
  await sendBad();
  await running('Prometheus scrapes again', () => scraped().then(() => true));
  await running('Loki has all events', async () => {
    if (!(await answers(`${LOKI}/ready`))) return false;
    const [count] = await lokiNow(`sum(count_over_time({type!="delivery"}[${RANGE}s]))`, Date.now() / 1000);
    return count?.value === facts(visits).length;
  });
  time = Math.ceil(Date.now() / 1000);
});

after(async () => {
  await Promise.all(containers.map((container) => container.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** @param {string} what @param {() => Promise<boolean>} ask */
const running = (what, ask) =>
  until(what, async () => {
    containers.forEach((container) => container.assertRuns());
    return ask();
  });

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
    const expected = lokiAnswers(visits, { ...all, ...choice });
    let asked = 0;
    for (const { name, panel, target, query } of targets('loki', choice)) {
      if (isOfLines(panel, target)) continue;
      const where = `${name} / ${panel.title} / ${target.refId}\n${query}`;
      const answer = await (target.queryType === 'instant' ? lokiNow(query, time) : lokiOver(query, time));
      const truth = expected[name]?.[panel.title]?.[target.refId];
      assert.ok(truth, `nobody says what ${where} should return`);
      assertSame(answer, truth, where);
      asked += 1;
    }
    assert.equal(asked, numberOfAnswers(expected), 'each expectation is of a panel');
  });
}

test('the table of errors shows the newest first, with what its columns and links need', async () => {
  const errors = facts(visits).filter(({ type }) => type === 'error').sort((a, b) => b.ts - a.ts);
  const [found] = targets('loki', {}).filter(({ panel, target }) => panel.title === 'Errors, the newest first' && target.refId === 'A');
  assert.ok(found);
  const lines = await lokiLines(found.query, time - RANGE, time, found.target.maxLines);
  assert.equal(lines.length, errors.length);
  for (const [at, { data, ts, labels }] of errors.entries()) {
    const line = lines[at];
    const { name, message, said, page, release, browser, session, from, to, group } = line?.labels ?? {};
    assert.deepEqual(
      { ts: line?.ts, name, message, said, page, release: release ?? '', browser, session, from, to, group },
      {
        ts,
        name: data.name,
        message: labels.message,
        said: data.message,
        page: labels.page,
        release: labels.release,
        browser: labels.browser,
        session: labels.session,
        from: `${ts - 300_000}`,
        to: `${ts + 300_000}`,
        group: labels.group,
      },
    );
  }
});

test('one click from an error leads to all that its visit sent around it, in short and in order', async () => {
  const [error] = await lokiLines(`{type="error"} | json session="session" | session="visit-ben-1"`, time - RANGE, time);
  assert.ok(error);
  const [found] = targets('loki', { session: error.labels.session ?? '' }).filter(({ panel }) => panel.title === 'What happened, in order');
  assert.ok(found);
  const lines = await lokiLines(found.query, Math.floor((error.ts - 300_000) / 1000), time);
  const sent = facts(visits).filter(({ labels }) => labels.session === 'visit-ben-1');
  assert.equal(lines.length, sent.length);
  for (const said of ['error   PaymentError payment of order 99871 refused', 'vital   LCP  4600', 'metric  response_time  900ms /api/cart (/)', 'event   page_view   (/)']) {
    assert.ok(lines.some(({ line }) => line.replaceAll(/ +/g, ' ').startsWith(said.replaceAll(/ +/g, ' '))), `${said} is not in\n${lines.map(({ line }) => line).join('\n')}`);
  }
});

test('every PromQL expression returns what it should', async () => {
  const expected = prometheusAnswers(visits, 1);
  let asked = 0;
  for (const { name, panel, target, query } of targets('prometheus', {})) {
    const where = `${name} / ${panel.title} / ${target.refId}\n${query}`;
    const answer = await prometheusNow(query, time);
    const truth = expected[panel.title]?.[target.refId];
    assert.ok(truth, `nobody says what ${where} should return`);
    const { samples, isRate } = truth;
    if (!isRate) assertSame(answer, samples, where);
    else {
      assert.deepEqual(answer.map(({ labels }) => labels), samples.map(({ labels }) => labels), where);
      const increase = (answer[0]?.value ?? 0) * RANGE;
      const true_ = samples[0]?.value ?? 0;
      assert.ok(increase > true_ * (1 - RATE_TOLERANCE) && increase < true_ * (1 + 2 * RATE_TOLERANCE), `${increase}, not about ${true_}: ${where}`);
    }
    asked += 1;
  }
  assert.equal(asked, Object.values(expected).flatMap(Object.values).length, 'each expectation is of a panel');
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

/**
 * All that the dashboards ask a kind of data source, under what is chosen.
 * @param {string} source
 * @param {Record<string, string>} choice
 */
function targets(source, choice) {
  return [...dashboards()].flatMap(([name, dashboard]) => {
    const known = defaults(dashboard);
    const chosen = { ...known, ...Object.fromEntries(Object.entries(choice).filter(([name]) => name in known)) };
    return panels(dashboard).flatMap((panel) =>
      panel.targets
        .filter(({ datasource }) => datasource.type === source)
        .map((target) => ({ name, panel, target, query: expand(target.expr, chosen) })),
    );
  });
}

/** @param {import('./grafana.js').Panel} panel @param {import('./grafana.js').Target} target */
const isOfLines = (panel, target) => panel.type === 'logs' || Boolean(target.maxLines);

/** @param {Record<string, Record<string, object>>} expected */
const numberOfAnswers = (expected) => Object.values(expected).flatMap((panels) => Object.values(panels)).flatMap(Object.keys).length;

/**
 * The same sets of labels, each with the same value but for rounding.
 * @param {import('./servers.js').Sample[]} answer
 * @param {import('./servers.js').Sample[]} truth
 * @param {string} where
 */
function assertSame(answer, truth, where) {
  const rows = (/** @type {import('./servers.js').Sample[]} */ samples) =>
    samples.map(({ labels, value }) => [Object.entries(labels).sort().map(([name, text]) => `${name}=${text}`).join(', '), Number(value.toPrecision(13))]).sort();
  assert.deepEqual(rows(answer), rows(truth), where);
}
