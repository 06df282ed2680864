/** The dashboards over what the example app made: a browser's visit, through the whole of the compose file's services. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { APP, KEY, ORIGIN, visit } from './example.js';
import { RANGE } from './grafana.js';
import { lines, truthOfJournal } from './journal.js';
import { assertLoki, question, questions } from './questions.js';
import { lokiLines, prometheusNow } from './servers.js';
import { Stack } from './stack.js';
import { lokiAnswers } from './truth.js';

const stack = new Stack({ BEACONRY_KEYS: KEY, BEACONRY_APP: APP, BEACONRY_ORIGINS: ORIGIN });
let time = 0;

/** What the visit causes, by type and name or message; the vitals come when the page is left. */
const CAUSED = [
  ['log', 'the cart is full'],
  ['error', 'the shelf is empty'],
  ['error', 'nobody waits for this'],
  ['error', 'POST /api/pay answered 503'],
  ['metric', 'response_time'],
  ['event', 'page_view'],
  ['event', 'route_change'],
  ...['LCP', 'FCP', 'TTFB', 'CLS', 'INP'].map((name) => ['vital', name]),
];

const events = () => lines(stack.journal).filter(({ type }) => type !== 'delivery');

before(async () => {
  await stack.healthy();
  await visit(stack.folder);
  await stack.until('the visit is in the journal', async () => {
    const there = events().flatMap(({ type, data }) => [`${type} ${data.name}`, `${type} ${data.message}`]);
    return CAUSED.every(([type, name]) => there.includes(`${type} ${name}`));
  });
  time = await stack.forwarded(() => events().length);
  await stack.scraped();
});

after(() => stack.stop());

test('every LogQL expression returns what is in the journal', async () => {
  const all = { app: '.+', env: '.*', release: '.*', page: '.*', group: '.*', session: '.*' };
  const expected = lokiAnswers(truthOfJournal(stack.journal), all);
  // A visit of a moment has no slow resource and drops nothing; all else has something to show.
  const empty = Object.entries(expected).flatMap(([, panels]) =>
    Object.entries(panels)
      .filter(([, { A = [] }]) => A.length === 0)
      .map(([title]) => title),
  );
  const mayBeEmpty = [
    'What was lost, and why',
    'Slow resources',
    'Long animation frames',
    'Told as dropped, by reason',
    'Streams that told of drops, by browser',
  ];
  assert.deepEqual(
    empty.filter((title) => !mayBeEmpty.includes(title)),
    [],
  );
  await assertLoki(expected, {}, time);
});

test('an error of the app leads to what its visit did around it', async () => {
  const { query, target } = question('Errors, the newest first', {});
  const errors = await lokiLines(query, time - RANGE, time, target.maxLines);
  const error = errors.find(({ labels }) => labels.said === 'the shelf is empty');
  assert.ok(error?.labels.session && error.labels.file, JSON.stringify(errors.map(({ labels }) => labels)));
  const { from, to, session } = error.labels;
  const { query: around } = question('What happened, in order', { session });
  const lines = await lokiLines(around, Number(from) / 1000, Number(to) / 1000);
  assert.equal(lines.length, events().length);
  assert.ok(lines.some(({ line }) => line.includes('the cart is full')));
});

test('by the books nothing is missing', async () => {
  const known = questions('prometheus', {}).filter(
    ({ name, panel }) => name === 'delivery' && ['Stored', 'Dropped', 'Missing'].includes(panel.title),
  );
  const now = Date.now() / 1000;
  const said = await Promise.all(known.map(async ({ panel, query }) => [panel.title, (await prometheusNow(query, now))[0]?.value]));
  assert.deepEqual(Object.fromEntries(said), { Stored: events().length, Dropped: 0, Missing: 0 });
});
