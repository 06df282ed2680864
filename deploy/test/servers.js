/** The questions that Grafana would put to Loki and Prometheus. */

import { until } from './wait.js';

export const COLLECTOR = 'http://127.0.0.1:4600';
export const LOKI = 'http://127.0.0.1:3100';
export const PROMETHEUS = 'http://127.0.0.1:9090';

/**
 * @typedef {{ labels: Record<string, string>, value: number }} Sample
 * @typedef {{ labels: Record<string, string>, ts: number, line: string }} Line
 */

/** @param {string} base @param {string} path @param {Record<string, string | number>} params */
async function ask(base, path, params) {
  const query = new URLSearchParams(Object.entries(params).map(([name, value]) => [name, `${value}`]));
  const response = await fetch(`${base}${path}?${query}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text.trim()}\nfor ${params.query}`);
  return JSON.parse(text).data;
}

/** @param {any} data @returns {Sample[]} */
const vector = (data) =>
  (data.result ?? []).map((/** @type {any} */ { metric, value, values }) => ({
    labels: metric,
    value: Number((value ?? values.at(-1))[1]),
  }));

/** LogQL for one moment. @param {string} query @param {number} time unix seconds */
export const lokiNow = async (query, time) => vector(await ask(LOKI, '/loki/api/v1/query', { query, time, limit: 5000 }));

/** LogQL over time, of which one point is asked for: the window before `time`. @param {string} query @param {number} time unix seconds */
export const lokiOver = async (query, time) =>
  vector(await ask(LOKI, '/loki/api/v1/query_range', { query, start: time, end: time, step: 60 }));

/**
 * Lines, the newest first.
 * @param {string} query
 * @param {number} start unix seconds
 * @param {number} end unix seconds
 * @param {number} [limit]
 * @returns {Promise<Line[]>}
 */
export async function lokiLines(query, start, end, limit = 5000) {
  const { result } = await ask(LOKI, '/loki/api/v1/query_range', { query, start, end, limit, direction: 'backward' });
  const lines = result.flatMap((/** @type {any} */ { stream, values }) =>
    values.map((/** @type {[string, string]} */ [ns, line]) => ({ labels: stream, ts: Number(ns.slice(0, -6)), line })),
  );
  return lines.sort((/** @type {Line} */ a, /** @type {Line} */ b) => b.ts - a.ts);
}

/** Values of a label. @param {string} name @param {string} query @param {number} start @param {number} end */
export const lokiLabel = (name, query, start, end) =>
  ask(LOKI, `/loki/api/v1/label/${name}/values`, query ? { query, start, end } : { start, end });

/** PromQL for one moment. @param {string} query @param {number} time unix seconds */
export const prometheusNow = async (query, time) => vector(await ask(PROMETHEUS, '/api/v1/query', { query, time }));

/** When Prometheus has scraped the collector anew, from now on. */
export function scraped() {
  const since = Date.now();
  return until('Prometheus scrapes the collector', async () => {
    const response = await fetch(`${PROMETHEUS}/api/v1/targets`).catch(() => undefined);
    if (!response?.ok) return false;
    const [target] = (await response.json()).data.activeTargets;
    return target?.health === 'up' && Date.parse(target.lastScrape) > since;
  });
}
