/** The services of compose.yaml, run natively with exactly its commands, files and environment. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { resolve } from './compose.js';
import { Container } from './container.js';
import { RANGE } from './grafana.js';
import { otelcol, programs } from './programs.js';
import { COLLECTOR, LOKI, lokiNow, scraped } from './servers.js';
import { answers, until } from './wait.js';

/** Not of the compose file: what its profile `otlp` expects to run on this machine. */
const OTELCOL = {
  image: '',
  command: ['--config=/etc/otelcol.yaml'],
  volumes: [`${fileURLToPath(new URL('otelcol.yaml', import.meta.url))}:/etc/otelcol.yaml:ro`],
};

export class Stack {
  /** Volumes and logs. */
  folder = mkdtempSync(join(tmpdir(), 'beaconry-stack-'));
  /** @type {Container[]} */
  #containers = [];

  /** Starts all services but Grafana, with variables as `.env` would set them. @param {Record<string, string>} environment */
  constructor(environment) {
    const { services } = resolve(['prometheus', 'otlp'], environment);
    const names = [...Object.keys(services), 'host.docker.internal'];
    for (const [name, program] of Object.entries(programs())) {
      const service = services[name];
      assert.ok(service, name);
      this.#containers.push(new Container(name, service, program, { folder: this.folder, names }));
    }
    this.#containers.push(new Container('otelcol', OTELCOL, { path: otelcol() }, { folder: this.folder, names: [] }));
  }

  /** The journal, as the collector's volume has it. */
  get journal() {
    return join(this.folder, 'volumes', 'data');
  }

  /** What a service has written. @param {string} name */
  said = (name) => this.#containers.find((container) => container.name === name)?.said() ?? '';

  /** Waits, and fails where a service ends meanwhile. @param {string} what @param {() => Promise<boolean>} ask */
  until(what, ask) {
    return until(what, async () => {
      this.#containers.forEach((container) => container.assertRuns());
      return ask();
    });
  }

  healthy = () => this.until('the collector is healthy', () => answers(`${COLLECTOR}/healthz`));

  scraped = () => this.until('Prometheus scrapes the collector', () => scraped().then(() => true));

  /** Waits until so many events can be queried, then gives the time for questions, in unix seconds. @param {() => number} events */
  async forwarded(events) {
    await this.until('Loki has all events', async () => {
      if (!(await answers(`${LOKI}/ready`))) return false;
      const [count] = await lokiNow(`sum(count_over_time({app=~".+", type!="delivery"}[${RANGE}s]))`, Date.now() / 1000);
      return count?.value === events();
    });
    return Math.ceil(Date.now() / 1000);
  }

  async stop() {
    await Promise.all(this.#containers.map((container) => container.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
