import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cleanUp } from '../../deploy/host/testing/clean-up.js';
import { freePort, stop, until } from '../../deploy/host/testing/process.js';

const CONFIG = fileURLToPath(new URL('../../deploy/loki/loki.yaml', import.meta.url));
/** Of a query's range; the walk takes minutes. */
const RANGE = '1d';

/**
 * A real Loki with the configuration that ships; `cargo xtask test` says where the program is.
 * @param {import('node:test').TestContext} t
 * @param {string} dir
 */
export async function startLoki(t, dir) {
  mkdirSync(dir);
  const program = process.env.BEACONRY_LOKI;
  if (!program) throw new Error('BEACONRY_LOKI names no Loki: run `cargo xtask test walk`');
  const [http, grpc] = [await freePort(), await freePort()];
  const flags = ['-server.http-listen-address=127.0.0.1', `-server.http-listen-port=${http}`, `-server.grpc-listen-port=${grpc}`];
  const env = { ...process.env, LOKI_DATA: join(dir, 'data') };
  const child = spawn(program, [`-config.file=${CONFIG}`, '-config.expand-env=true', ...flags], { env, stdio: 'ignore' });
  cleanUp(t, () => stop(child));
  const url = `http://127.0.0.1:${http}`;
  await until('Loki answers', () => fetch(`${url}/loki/api/v1/labels`).then(({ ok }) => ok, () => false));
  return {
    url,
    /**
     * How many entries a selector finds, by type.
     * @param {string} selector
     * @returns {Promise<Record<string, number>>}
     */
    async countByType(selector) {
      const query = `sum by (type) (count_over_time(${selector}[${RANGE}]))`;
      const answer = await fetch(`${url}/loki/api/v1/query?query=${encodeURIComponent(query)}`);
      if (!answer.ok) throw new Error(`Loki answers ${answer.status} to ${query}: ${await answer.text()}`);
      const { data } = /** @type {any} */ (await answer.json());
      return Object.fromEntries(data.result.map((/** @type {any} */ { metric, value }) => [metric.type, Number(value[1])]));
    },
  };
}
