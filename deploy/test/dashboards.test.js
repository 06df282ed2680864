import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

import { files } from '../grafana/src/dashboards.js';
import { dashboards, defaults, expand, panels } from './grafana.js';

const DEPLOY = fileURLToPath(new URL('..', import.meta.url));
const sources = parse(readFileSync(join(DEPLOY, 'grafana/provisioning/datasources/beaconry.yaml'), 'utf8')).datasources;

test('the dashboards are what their source makes: else run `npm run dashboards`', () => {
  for (const { name, text } of files()) assert.equal(readFileSync(join(DEPLOY, 'grafana/dashboards', name), 'utf8'), text, name);
  assert.deepEqual(
    [...dashboards().keys()].sort(),
    files()
      .map(({ name }) => name.replace('.json', ''))
      .sort(),
  );
});

test('each JSON file type-checks as a dashboard of Grafana’s SDK', () => {
  // Inside of the package, so that TypeScript finds the SDK.
  const folder = mkdtempSync(join(DEPLOY, 'node_modules/.dashboards-'));
  try {
    for (const [name, dashboard] of dashboards()) {
      writeFileSync(join(folder, `${name}.ts`), typed(dashboard));
    }
    const names = [...dashboards().keys()].map((name) => join(folder, `${name}.ts`));
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--ignoreConfig', '--module', 'nodenext', '--target', 'es2022', '--types', ''];
    const { stdout, status } = spawnSync(join(DEPLOY, 'node_modules/.bin/tsc'), [...flags, ...names], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/**
 * A module that assigns the JSON to the SDK's types: the dashboard's, each target's by its data source, each panel's options by its kind. Enums are
 * compared by their values, which is what JSON has.
 * @param {any} dashboard
 */
function typed(dashboard) {
  const values = (/** @type {unknown} */ value) => JSON.stringify(value, undefined, 1);
  const kinds = { stat: 'stat', timeseries: 'timeseries', logs: 'logs', table: 'table' };
  const lines = [
    "import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';",
    "import type { dataquery as loki } from '@grafana/grafana-foundation-sdk/loki';",
    "import type { Dataquery as prometheus } from '@grafana/grafana-foundation-sdk/prometheus';",
    ...Object.keys(kinds).map((kind) => `import type { Options as ${kind} } from '@grafana/grafana-foundation-sdk/${kind}';`),
    // JSON has no methods, and an enum's member is its value there.
    'type Json<T> = T extends (...args: any[]) => any ? never : T extends string ? `${T}` : T extends number ? `${T}` extends `${infer N extends number}` ? N : T : T extends (infer E)[] ? Json<E>[] : T extends object ? { [K in keyof T as T[K] extends (...args: any[]) => any ? never : K]: Json<T[K]> } : T;',
    `const dashboard: Json<Omit<Dashboard, 'panels'>> = ${values({ ...dashboard, panels: undefined })};`,
  ];
  panels(dashboard).forEach((panel, at) => {
    panel.targets.forEach((target, query) =>
      lines.push(`const target${at}_${query}: Json<${target.datasource.type}> = ${values(target)};`),
    );
    lines.push(
      `const options${at}: Partial<Json<${kinds[/** @type {keyof typeof kinds} */ (panel.type)]}>> = ${values(panel.options ?? {})};`,
    );
  });
  return `${lines.join('\n')}\n`;
}

test('data sources are among the provisioned ones, of the same type', () => {
  const types = new Map(sources.map((/** @type {any} */ { uid, type }) => [uid, type]));
  const used = [];
  for (const [, dashboard] of dashboards()) {
    for (const { datasource, targets } of panels(dashboard)) used.push(datasource, ...targets.map(({ datasource }) => datasource));
    for (const { type, datasource } of dashboard.templating.list ?? []) if (type === 'query') used.push(datasource);
  }
  assert.ok(used.length > 100);
  for (const source of used) assert.equal(types.get(source?.uid), source?.type, JSON.stringify(source));
});

test('every variable in an expression, a legend or a link is one of the dashboard or of Grafana', () => {
  for (const [name, dashboard] of dashboards()) {
    for (const { targets, title } of panels(dashboard)) {
      for (const { expr } of targets) assert.doesNotThrow(() => expand(expr, defaults(dashboard)), `${name}, ${title}`);
    }
    for (const { query } of dashboard.templating.list ?? []) {
      if (typeof query === 'object') assert.doesNotThrow(() => expand(query.stream, defaults(dashboard)), name);
    }
    const known = new Set([...Object.keys(defaults(dashboard)), '__url_time_range', '__data']);
    for (const { url } of links(dashboard)) {
      for (const [, variable] of url.matchAll(/\$\{(\w+)/g)) assert.ok(known.has(`${variable}`), `${variable} in ${url}`);
    }
  }
});

test('every link leads to a dashboard that there is, sets variables that it has, and takes fields that the table has', () => {
  const byUid = new Map([...dashboards().values()].map((dashboard) => [dashboard.uid, dashboard]));
  const all = [...dashboards().values()].flatMap(links);
  assert.ok(all.length >= 6);
  for (const { url, fields } of all) {
    const [, uid, query = ''] = url.match(/^\/d\/([\w-]+)\?(.*)$/) ?? [];
    const target = byUid.get(uid);
    assert.ok(target, url);
    for (const [, name] of query.matchAll(/var-(\w+)=|\$\{(\w+):queryparam\}/g))
      if (name) assert.ok(name in defaults(target), `${name} in ${url}`);
    for (const [, field] of url.matchAll(/__data\.fields\.(\w+)/g)) assert.ok(fields.includes(`${field}`), `${field} in ${url}`);
  }
});

/** Links of tables, with the columns that they can take from. @param {{ panels?: any[] }} dashboard */
const links = (dashboard) =>
  panels(dashboard).flatMap(({ fieldConfig, transformations = [] }) => {
    const fields = transformations.flatMap((/** @type {any} */ { id, options }) =>
      id === 'organize' ? Object.values(options.renameByName) : [],
    );
    const properties = (fieldConfig?.overrides ?? []).flatMap((/** @type {any} */ { properties }) => properties);
    return properties
      .filter((/** @type {any} */ { id }) => id === 'links')
      .flatMap((/** @type {any} */ { value }) => value.map((/** @type {any} */ { url }) => ({ url, fields })));
  });

test('titles are unique within a dashboard, and every panel says what it shows', () => {
  for (const [name, dashboard] of dashboards()) {
    const titles = panels(dashboard).map(({ title }) => title);
    assert.equal(new Set(titles).size, titles.length, name);
    for (const { title, description } of panels(dashboard)) assert.ok(description, `${name}, ${title}`);
  }
});

test('panels neither overlap nor leave the 24 columns', () => {
  for (const [name, dashboard] of dashboards()) {
    const taken = new Set();
    for (const { gridPos, title } of panels(dashboard)) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        assert.ok(x < 24, `${name}, ${title}`);
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.ok(!taken.has(`${x} ${y}`), `${name}, ${title} lies over another panel`);
          taken.add(`${x} ${y}`);
        }
      }
    }
  }
});

test('web vitals are judged by the limits of web.dev', () => {
  const limits = { LCP: [2500, 4000], INP: [200, 500], CLS: [0.1, 0.25], FCP: [1800, 3000], TTFB: [800, 1800] };
  const overview = dashboards().get('overview');
  assert.ok(overview);
  for (const [name, expected] of Object.entries(limits)) {
    /** @type {any} */
    const panel = panels(overview).find(({ title }) => title === name);
    const { steps } = panel.fieldConfig.defaults.thresholds;
    assert.deepEqual(
      steps.map((/** @type {any} */ { color, value }) => [color, value]),
      [
        ['green', null],
        ['yellow', expected[0]],
        ['red', expected[1]],
      ],
    );
  }
});
