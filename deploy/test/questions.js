/** What the dashboards ask, and whether the answers are right. */

import assert from 'node:assert/strict';

import { dashboards, defaults, expand, panels } from './grafana.js';
import { lokiNow, lokiOver } from './servers.js';

/** @typedef {import('./servers.js').Sample} Sample */

/**
 * All that the dashboards ask a kind of data source, under what is chosen at their top.
 * @param {string} source
 * @param {Record<string, string>} choice
 */
export function questions(source, choice) {
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

/**
 * The one question of a panel.
 * @param {string} title
 * @param {Record<string, string>} choice
 */
export function question(title, choice) {
  const [found] = questions('loki', choice).filter(({ panel }) => panel.title === title);
  assert.ok(found, title);
  return found;
}

/**
 * Asks Loki all but for lines, and holds the answers against the truth; each expectation must be of a panel.
 * @param {import('./truth.js').Answers} expected
 * @param {Record<string, string>} choice
 * @param {number} time unix seconds
 */
export async function assertLoki(expected, choice, time) {
  let asked = 0;
  for (const { name, panel, target, query } of questions('loki', choice)) {
    if (panel.type === 'logs' || target.maxLines) continue;
    const where = `${name} / ${panel.title} / ${target.refId}\n${query}`;
    const answer = await (target.queryType === 'instant' ? lokiNow(query, time) : lokiOver(query, time));
    const truth = expected[name]?.[panel.title]?.[target.refId];
    assert.ok(truth, `nobody says what ${where} should return`);
    assertSame(answer, truth, where);
    asked += 1;
  }
  const known = Object.values(expected)
    .flatMap((panels) => Object.values(panels))
    .flatMap(Object.keys);
  assert.equal(asked, known.length, 'each expectation is of a panel');
}

/**
 * The same sets of labels, each with the same value but for rounding, and for the slack that the truth allows.
 * @param {Sample[]} answer
 * @param {import('./truth.js').Sample[]} truth
 * @param {string} where
 */
export function assertSame(answer, truth, where) {
  const allowed = new Map(truth.map(({ labels, value, slack = 0 }) => [inWords(labels), { value, slack }]));
  const rows = answer.map(({ labels, value }) => {
    const { value: real = NaN, slack = 0 } = allowed.get(inWords(labels)) ?? {};
    return [inWords(labels), value >= real && value <= real + slack ? real : value];
  });
  const rounded = (/** @type {any[][]} */ rows) => rows.map(([labels, value]) => [labels, Number(value.toPrecision(12))]).sort();
  assert.deepEqual(rounded(rows), rounded([...allowed].map(([labels, { value }]) => [labels, value])), where);
}

/** @param {Record<string, string>} labels */
const inWords = (labels) =>
  Object.entries(labels)
    .sort()
    .map(([name, text]) => `${name}=${text}`)
    .join(', ');
