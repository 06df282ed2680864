import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { makeWorld } from '../testing/world.js';

/**
 * A team whose PATH has these programs alone, each a script.
 * @param {import('node:test').TestContext} t
 * @param {Record<string, string>} programs name → lines of sh
 */
function setUp(t, programs) {
  const world = makeWorld(t);
  const bin = join(world.dir, 'bin');
  mkdirSync(bin);
  for (const [name, lines] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${lines}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  writeFileSync(join(world.app, 'compose.yaml'), 'services: {}\n');
  // As in a checkout, where the collector's image can be built.
  writeFileSync(join(world.app, 'Dockerfile'), '');
  world.write({ TELEMETRY_COMPOSE: 'compose.yaml' });
  return { ...world, run: (/** @type {string} */ command) => world.run(command, { PATH: bin }) };
}

const ENGINE_DOWN = 'if [ "$1" = compose ]; then echo v2; exit 0; fi; echo "Cannot connect to the Docker daemon"; exit 1';
const ENGINE_UP = 'case "$*" in "compose version" | info) exit 0;; esac; echo "docker $*"; exit "${FAILS:-0}"';

for (const command of ['start', 'stop']) {
  for (const [what, programs, message] of /** @type {[string, Record<string, string>, RegExp][]} */ ([
    ['without Docker', {}, /Docker is not installed\n {2}next: .*get-docker/],
    ['without compose', { docker: 'exit 1' }, /this Docker has no compose\n {2}next: .*compose\/install/],
    ['without an engine', { docker: ENGINE_DOWN }, /engine does not answer: Cannot connect to the Docker daemon\n {2}next: .*systemctl start docker/],
  ])) {
    test(`${command} ${what} says what to install or start`, async (t) => {
      const { code, err } = await setUp(t, programs).run(command);
      assert.ok(code === 1 || code === 2);
      assert.match(err, message);
    });
  }
}

test('start and stop hand the file to compose, whichever there is', async (t) => {
  const plugin = setUp(t, { docker: ENGINE_UP });
  const started = await plugin.run('start');
  assert.equal(started.code, 0, started.err);
  assert.match(started.out, /docker compose --file .*compose\.yaml --env-file .*\.env up --detach --wait\n.*localhost:3000/);
  assert.match((await plugin.run('stop')).out, /docker compose --file .*compose\.yaml .*down\n/);
  const standalone = setUp(t, { docker: 'exit "$([ "$1" = info ]; echo $?)"', 'docker-compose': '[ "$1" = version ] || echo "docker-compose $*"' });
  assert.match((await standalone.run('start')).out, /docker-compose --file .* up --detach\n/);
});

test('without the collector\'s image Loki and Grafana start alone, and an import says what is missing', async (t) => {
  const world = setUp(t, { docker: ENGINE_UP });
  rmSync(join(world.app, 'Dockerfile'));
  assert.match((await world.run('start')).out, /up --detach --wait loki grafana\n/);
  mkdirSync(join(world.app, 'telemetry-logs'));
  writeFileSync(join(world.app, 'telemetry-logs', 'events-2026-11-27.jsonl'), '');
  const { code, err } = await world.run('import');
  assert.equal(code, 2);
  assert.match(err, /no image of the collector\n {2}next: .*TELEMETRY_COLLECTOR/);
});

test('what compose complains of fails the command', async (t) => {
  const { code, err } = await setUp(t, { docker: ENGINE_UP.replace('${FAILS:-0}', '17') }).run('start');
  assert.equal(code, 1);
  assert.match(err, /docker compose up failed with 17, see above/);
});

test('a compose file that is not there is named', async (t) => {
  const world = makeWorld(t);
  world.write({ TELEMETRY_COMPOSE: 'nowhere.yaml' });
  const { code, err } = await world.run('start');
  assert.equal(code, 2);
  assert.match(err, /there is no compose file .*nowhere\.yaml/);
});

test('an import without downloads says what to run first', async (t) => {
  const { code, err } = await makeWorld(t).run('import');
  assert.equal(code, 2);
  assert.match(err, /there are no journals in .*\n {2}next: run telemetry:download/);
});

test('without a collector on the PATH the one of the compose file imports', async (t) => {
  const world = setUp(t, { docker: ENGINE_UP });
  mkdirSync(join(world.app, 'telemetry-logs'));
  writeFileSync(join(world.app, 'telemetry-logs', 'events-2026-11-27.jsonl'), '');
  const { code, out, err } = await world.run('import');
  assert.equal(code, 0, err);
  assert.match(out, /run --rm --no-deps .*--volume .*telemetry-logs:\/import collector import --to loki http:\/\/loki:3100 --state \/import\/imported \/import\/events-2026-11-27\.jsonl\n/);
});
