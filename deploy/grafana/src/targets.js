/** What a panel asks, and whom. The uids are those of ../provisioning/datasources/beaconry.yaml. */

import { DataqueryBuilder as LokiQuery, LokiQueryType } from '@grafana/grafana-foundation-sdk/loki';
import { DataqueryBuilder as PrometheusQuery, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';

export const LOKI = { type: 'loki', uid: 'beaconry-loki' };
export const PROMETHEUS = { type: 'prometheus', uid: 'beaconry-prometheus' };

/** As Grafana names the first 26 queries of a panel. @param {number} at */
const refId = (at) => String.fromCharCode('A'.charCodeAt(0) + at);

/**
 * One number, or a row for each set of labels, for the whole time that is shown.
 * @param {string} expr
 */
export const now = (expr) => (/** @type {number} */ at) =>
  new LokiQuery().refId(refId(at)).datasource(LOKI).expr(expr).queryType(LokiQueryType.Instant);

/**
 * A line over time.
 * @param {string} expr
 * @param {string} legend
 */
export const over = (expr, legend) => (/** @type {number} */ at) =>
  new LokiQuery().refId(refId(at)).datasource(LOKI).expr(expr).legendFormat(legend).queryType(LokiQueryType.Range);

/**
 * The newest lines.
 * @param {string} expr
 * @param {number} lines
 */
export const lines = (expr, lines) => (/** @type {number} */ at) =>
  new LokiQuery().refId(refId(at)).datasource(LOKI).expr(expr).maxLines(lines).queryType(LokiQueryType.Range);

/**
 * The collector's own numbers as they are: one, or a row for each set of labels.
 * @param {string} expr
 */
export const metricNow = (expr) => (/** @type {number} */ at) =>
  new PrometheusQuery().refId(refId(at)).datasource(PROMETHEUS).expr(expr).format(PromQueryFormat.Table).instant();

/**
 * The collector's own numbers over time.
 * @param {string} expr
 * @param {string} legend
 */
export const metricOver = (expr, legend) => (/** @type {number} */ at) =>
  new PrometheusQuery().refId(refId(at)).datasource(PROMETHEUS).expr(expr).legendFormat(legend).range();

/** @typedef {ReturnType<typeof now> | ReturnType<typeof over> | ReturnType<typeof lines> | ReturnType<typeof metricNow>| ReturnType<typeof metricOver>} Target */
