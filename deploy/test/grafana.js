/** The dashboards as they are in the repository, and what Grafana makes of their variables before it asks. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {import('@grafana/grafana-foundation-sdk/dashboard').Dashboard} Dashboard */
/** @typedef {{ expr: string, refId: string, datasource: { type: string, uid: string }, queryType?: string, instant?: boolean, maxLines?: number, legendFormat?: string }} Target */
/** @typedef {{ type: string, title: string, description?: string, targets: Target[], [member: string]: any }} Panel */

const FOLDER = fileURLToPath(new URL('../grafana/dashboards/', import.meta.url));

/** Seconds that a query looks back to. */
export const RANGE = 3600;

/** @returns {Map<string, Dashboard & { panels: Panel[] }>} by the name of the file, without its ending */
export const dashboards = () =>
  new Map(readdirSync(FOLDER).map((file) => [file.replace('.json', ''), JSON.parse(readFileSync(FOLDER + file, 'utf8'))]));

/** The panels that ask for something; rows do not. @param {{ panels?: any[] }} dashboard @returns {Panel[]} */
export const panels = ({ panels = [] }) => panels.filter(({ type }) => type !== 'row');

/**
 * What is chosen when a dashboard is opened.
 * @param {Dashboard} dashboard
 * @returns {Record<string, string>}
 */
export function defaults({ templating }) {
  return Object.fromEntries(
    (templating.list ?? []).map(({ name, allValue, current }) => [name, current?.value === '$__all' ? `${allValue}` : `${current?.value}`]),
  );
}

/**
 * An expression as Grafana sends it.
 * @param {string} expr
 * @param {Record<string, string>} variables
 */
export function expand(expr, variables) {
  /** @type {Record<string, string>} */
  const known = { ...variables, __range: `${RANGE}s`, __auto: `${RANGE}s`, __rate_interval: `${RANGE}s` };
  return expr.replace(/\$(\w+)|\$\{(\w+)[^}]*\}/g, (whole, plain, braced) => {
    const name = plain ?? braced;
    // A template of LogQL has variables of its own, such as `$n :=`; they are declared where they are used.
    if (expr.includes(`$${name} :=`)) return whole;
    const value = known[name];
    if (value === undefined) throw new Error(`nothing sets ${whole} in ${expr}`);
    return value;
  });
}
