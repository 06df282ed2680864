import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { EXIT, Failure } from '../failure.js';
import { run } from './run.js';

/** @typedef {import('../say.js').Say} Say */
/** @typedef {import('../settings.js').Settings} Settings */

/** In the npm package; in a checkout. */
const FILES = ['../../stack/compose.yaml', '../../../compose.yaml'];

/**
 * `telemetry:start`: collector, Loki and Grafana on this machine.
 * @param {Settings} settings
 * @param {Say} say
 */
export async function start(settings, say) {
  const file = composeFile(settings);
  say(`starting ${file}`);
  await compose(file, ['up', '--detach', '--wait']);
  say('Grafana: http://localhost:3000, first login admin/admin. telemetry:stop ends it, the data stays');
}

/**
 * `telemetry:stop`: ends it; the volumes stay.
 * @param {Settings} settings
 * @param {Say} say
 */
export async function stop(settings, say) {
  const file = composeFile(settings);
  say(`stopping ${file}`);
  await compose(file, ['down']);
  say('stopped; the data stays. telemetry:start goes on with it');
}

/** @param {Settings} settings */
export function composeFile(settings) {
  const set = settings.path('TELEMETRY_COMPOSE');
  const file = set ?? FILES.map((name) => fileURLToPath(new URL(name, import.meta.url))).find(existsSync);
  if (file && existsSync(file)) return file;
  const next = set ? 'correct TELEMETRY_COMPOSE, or leave it out' : 'install beaconry-host again, or name one by TELEMETRY_COMPOSE';
  throw new Failure(`there is no compose file${set ? ` ${set}` : ''}`, next, EXIT.settings);
}

/**
 * Docker's compose with an engine behind it.
 * @param {string} file
 * @param {string[]} args
 */
export async function compose(file, args) {
  const [program, first] = await findCompose();
  const done = await run(program, [...first, '--file', file, ...args]);
  if (done?.code === 0) return;
  throw new Failure(`docker compose ${args[0]} failed with ${done?.code}, see above`, 'mend what it says, then run the command again');
}

/** @returns {Promise<[program: string, args: string[]]>} */
async function findCompose() {
  const docker = await run('docker', ['compose', 'version'], { quiet: true });
  const [program, first] = docker?.code === 0 ? ['docker', ['compose']] : ['docker-compose', []];
  if (program === 'docker-compose' && (await run(program, ['version'], { quiet: true }))?.code !== 0) {
    if (!docker) throw new Failure('Docker is not installed', 'install it from https://docs.docker.com/get-docker/, or run Loki and Grafana in your own way', EXIT.settings);
    throw new Failure('this Docker has no compose', 'install its plugin: https://docs.docker.com/compose/install/', EXIT.settings);
  }
  const engine = await run('docker', ['info'], { quiet: true });
  if (engine && engine.code !== 0) {
    const said = engine.output.trim().split('\n').at(-1) ?? '';
    throw new Failure(`Docker's engine does not answer: ${said}`, 'start Docker Desktop, or on Linux: sudo systemctl start docker; may this user talk to it?');
  }
  return [program, first];
}
