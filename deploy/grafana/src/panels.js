/** The kinds of panels that the dashboards use, each with what a reader needs to know in its description. */

import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  LogsSortOrder,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Logs } from '@grafana/grafana-foundation-sdk/logs';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as Timeseries } from '@grafana/grafana-foundation-sdk/timeseries';

/** A dashboard is so many columns wide. */
const COLUMNS = 24;

/**
 * @typedef {object} Look
 * @property {string} title
 * @property {string} description what it shows, and what it does not
 * @property {number} width of 24
 * @property {number} height in rows of 30 px
 * @property {import('./targets.js').Target[]} targets
 * @property {string} [unit] Grafana's id of it
 */

/** Values from where on something is bad, as steps of green, yellow and red. @param {number[]} limits */
export const thresholds = (limits) => {
  const colours = ['green', ...(limits.length > 1 ? ['yellow'] : []), 'red'];
  const steps = colours.map((color, at) => ({ color, value: at === 0 ? null : /** @type {number} */ (limits[at - 1]) }));
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
};

/**
 * @template {Logs | Stat | Table | Timeseries} P
 * @param {P} panel
 * @param {Look} look
 * @returns {P}
 */
const filled = (panel, { title, description, width, height, targets, unit }) => {
  panel.title(title).description(description).span(Math.min(width, COLUMNS)).height(height);
  const queries = targets.map((target, at) => target(at));
  const source = queries[0]?.build().datasource;
  if (source) panel.datasource(source);
  queries.forEach((query) => panel.withTarget(query));
  if (unit) panel.unit(unit);
  return panel;
};

const last = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields('');

/**
 * One number. Nothing found is the number zero, unless `empty` says otherwise.
 * @param {Look & { limits?: number[], empty?: string, decimals?: number }} look
 */
export const number = ({ limits, empty = '0', decimals, ...look }) => {
  const panel = filled(new Stat(), look).reduceOptions(last()).graphMode(BigValueGraphMode.None).noValue(empty);
  panel.colorMode(limits ? BigValueColorMode.Background : BigValueColorMode.None);
  panel.thresholds(thresholds(limits ?? []));
  if (decimals !== undefined) panel.decimals(decimals);
  return panel;
};

/**
 * Counts over time, one colour a series, on top of each other.
 * @param {Look} look
 */
export const stackedBars = (look) =>
  timeseries(look)
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .lineWidth(0)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal));

/**
 * Values over time.
 * @param {Look} look
 */
export const curves = (look) => timeseries(look).drawStyle(GraphDrawStyle.Line).lineWidth(2).spanNulls(true);

/** @param {Look} look */
const timeseries = (look) =>
  filled(new Timeseries(), look)
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .legend(new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).showLegend(true))
    .min(0);

/**
 * @typedef {object} Column
 * @property {string} from what the data calls it: a label, or `Value #A` for the answer to the first query
 * @property {string} [title] what the reader sees
 * @property {string} [unit]
 * @property {number[]} [limits]
 * @property {string} [bar] colour of a bar as long as the value
 * @property {number} [width] in px
 * @property {boolean} [hidden] kept for links alone
 * @property {{ title: string, url: string }} [link]
 */

/**
 * A table of the answers to instant queries: a row for each set of labels, a column for each query. The columns stand as named.
 * @param {Look & { columns: Column[], sortBy: string }} look
 */
export const table = ({ columns, sortBy, ...look }) =>
  tabular(look, columns)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation(organized(columns))
    .withTransformation({ id: 'sortBy', options: { sort: [{ field: sortBy, desc: true }] } });

/**
 * What there is most of: a name and a bar in each row.
 * @param {Look & { label: string, heading: string, counted: string, colour: string }} look
 */
export const ranking = ({ label, heading, counted, colour, ...look }) => {
  const bar = { title: counted, bar: colour };
  // Prometheus names the only value of a table so.
  return table({
    ...look,
    columns: [
      { from: label, title: heading },
      { from: 'Value #A', ...bar },
      { from: 'Value', ...bar },
    ],
    sortBy: counted,
  });
};

/**
 * A table of lines, the newest first: their labels are the columns, among them what the query took out of the JSON.
 * @param {Look & { columns: Column[] }} look
 */
export const tableOfLines = ({ columns, ...look }) =>
  tabular(look, columns)
    .withTransformation({ id: 'extractFields', options: { source: 'labels', format: 'auto', replace: true, keepTime: true } })
    .withTransformation(organized(columns));

/** @param {Look} look @param {Column[]} columns */
const tabular = (look, columns) => {
  const panel = filled(new Table(), look).filterable(true);
  for (const { from, title = from, unit, limits, bar, width, hidden, link } of columns) {
    panel.overrideByName(title, [
      ...(unit ? [{ id: 'unit', value: unit }] : []),
      ...(limits
        ? [
            { id: 'thresholds', value: thresholds(limits).build() },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ]
        : []),
      ...(bar
        ? [
            { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic' } },
            { id: 'color', value: { mode: 'fixed', fixedColor: bar } },
            { id: 'min', value: 0 },
          ]
        : []),
      ...(width ? [{ id: 'custom.width', value: width }] : []),
      // Older versions know the first, newer ones the second.
      ...(hidden
        ? [
            { id: 'custom.hidden', value: true },
            { id: 'custom.hideFrom', value: { viz: true } },
          ]
        : []),
      ...(link ? [{ id: 'links', value: [link] }] : []),
    ]);
  }
  return panel;
};

/** Columns in this order, under their titles; all others are left out. @param {Column[]} columns */
const organized = (columns) => ({
  id: 'organize',
  options: {
    includeByName: Object.fromEntries(columns.map(({ from }) => [from, true])),
    indexByName: Object.fromEntries(columns.map(({ from }, at) => [from, at])),
    renameByName: Object.fromEntries(columns.filter(({ title }) => title).map(({ from, title }) => [from, title])),
  },
});

/**
 * Lines as they are, with their members to open.
 * @param {Look & { oldestFirst?: boolean }} look
 */
export const logLines = ({ oldestFirst = false, ...look }) =>
  filled(new Logs(), look)
    .showTime(true)
    .wrapLogMessage(true)
    .enableLogDetails(true)
    .sortOrder(oldestFirst ? LogsSortOrder.Ascending : LogsSortOrder.Descending);
