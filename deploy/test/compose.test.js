import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parse } from 'yaml';

import { mounts, resolve } from './compose.js';

const here = (/** @type {string} */ path) => new URL(path, import.meta.url);

test('by default there are collector, forwarder, Loki and Grafana; a profile brings more', () => {
  const profiles = Object.entries(resolve(['otlp', 'prometheus']).services).map(([name, { profiles }]) => [name, profiles]);
  const byDefault = profiles.filter(([, profiles]) => !profiles).map(([name]) => name);
  assert.deepEqual(byDefault.sort(), ['collector', 'forwarder', 'grafana', 'loki']);
  const rest = profiles.filter(([, profiles]) => profiles).map(([name, profiles]) => `${name}: ${profiles}`);
  assert.deepEqual(rest.sort(), ['otlp: otlp', 'prometheus: prometheus']);
});

test('every port is published on the loopback address until .env says otherwise', () => {
  for (const address of ['127.0.0.1', '192.0.2.7']) {
    const { services } = resolve(['prometheus'], address === '127.0.0.1' ? {} : { BEACONRY_BIND: address });
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports);
    assert.deepEqual(
      ports.sort(),
      ['3000', '3100', '4600', '9090'].map((port) => `${address}:${port}:${port}/tcp`),
    );
  }
});

test('every file that a service is given exists, and cannot be written from there', () => {
  const files = Object.values(resolve(['prometheus']).services)
    .flatMap(mounts)
    .filter(({ isNamed }) => !isNamed);
  assert.equal(files.length, 4);
  for (const { source, isReadOnly } of files) assert.ok(existsSync(source) && isReadOnly, source);
});

test('every volume of a service is declared, so that it outlives the containers', () => {
  const { services, volumes } = resolve(['prometheus', 'otlp']);
  const named = Object.values(services)
    .flatMap(mounts)
    .filter(({ isNamed }) => isNamed);
  assert.deepEqual([...new Set(named.map(({ source }) => source))].sort(), Object.keys(volumes).sort());
});

test('.env.example names every variable of the compose file, with its default where it is commented out', () => {
  const compose = readFileSync(here('../compose.yaml'), 'utf8');
  const example = readFileSync(here('../.env.example'), 'utf8');
  const named = new Map(
    [...example.matchAll(/^(# )?([A-Z_]+)=(.*)$/gm)].map(([, comment, name, value]) => [name, { isDefault: Boolean(comment), value }]),
  );
  for (const [, name, value] of compose.matchAll(/\$\{([A-Z_]+):-([^}]*)\}/g)) {
    const example = named.get(name);
    assert.ok(example, `${name} is missing in .env.example`);
    // An address is an example of another machine's.
    if (example.isDefault && !name?.endsWith('_URL')) assert.equal(example.value, value, name);
  }
});

test('what Grafana is provisioned with comes from variables that the compose file sets', () => {
  const environment = resolve([]).services.grafana?.environment ?? {};
  const file = readFileSync(here('../grafana/provisioning/datasources/beaconry.yaml'), 'utf8');
  // `$$` is Grafana's way to write a dollar.
  const used = [...file.replaceAll('$$', '').matchAll(/\$\{(\w+)\}/g)].map(([, name]) => `${name}`);
  assert.deepEqual([...new Set(used)].sort(), ['JAEGER_URL', 'LOKI_URL', 'PROMETHEUS_URL']);
  for (const name of used) assert.match(environment[name] ?? '', /^http:\/\/[a-z]+:\d+$/);
  const { url } = parse(file).datasources[0];
  assert.equal(url, '${LOKI_URL}');
});

test('the dashboards lie where Grafana looks for them', () => {
  const { services } = resolve([]);
  assert.ok(services.grafana);
  const targets = mounts(services.grafana).map(({ target }) => target);
  const [provider] = parse(readFileSync(here('../grafana/provisioning/dashboards/beaconry.yaml'), 'utf8')).providers;
  assert.ok(targets.includes(provider.options.path));
  const home = services.grafana.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? '';
  assert.ok(existsSync(here(`../grafana/dashboards/${home.replace(`${provider.options.path}/`, '')}`)), home);
});
