import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { EXIT, Failure } from '../failure.js';
import { run } from './run.js';

/** @typedef {import('../say.js').Say} Say */
/** @typedef {import('../settings.js').Settings} Settings */

/** In the npm package; in a checkout. */
const FILES = ['../../stack/compose.yaml', '../../../compose.yaml'];
/** What a team needs whose collector is the PHP drop-in. */
const WITHOUT_COLLECTOR = ['loki', 'grafana'];

/**
 * `telemetry:start`: collector, Loki and Grafana on this machine.
 * @param {Settings} settings
 * @param {Say} say
 */
export async function start(settings, say) {
  const compose = await findCompose(settings);
  say(`starting ${compose.file}`);
  const services = hasCollector(settings, compose.file) ? [] : WITHOUT_COLLECTOR;
  if (services.length > 0) say('Loki and Grafana alone: an image of the collector is named by BEACONRY_IMAGE, or built in a checkout');
  await compose.run(['up', '--detach', ...compose.waits, ...services]);
  say('Grafana: http://localhost:3000, first login admin/admin. telemetry:stop ends it, the data stays');
}

/**
 * `telemetry:stop`: ends it; the volumes stay.
 * @param {Settings} settings
 * @param {Say} say
 */
export async function stop(settings, say) {
  const compose = await findCompose(settings);
  say(`stopping ${compose.file}`);
  await compose.run(['down']);
  say('stopped; the data stays. telemetry:start goes on with it');
}

/**
 * Whether the compose file's collector can be had: as an image that is named, or by building it.
 * @param {Settings} settings
 * @param {string} file
 */
export function hasCollector(settings, file) {
  return settings.get('BEACONRY_IMAGE') !== undefined || existsSync(join(dirname(file), 'Dockerfile'));
}

/**
 * Docker's compose with an engine behind it, and the file.
 * @typedef {object} Compose
 * @property {string} file
 * @property {string[]} waits the flag that waits until the services run, where there is one
 * @property {(args: string[]) => Promise<void>} run
 */

/**
 * @param {Settings} settings
 * @returns {Promise<Compose>}
 */
export async function findCompose(settings) {
  const file = composeFile(settings);
  const docker = await run('docker', ['compose', 'version'], { quiet: true });
  const isPlugin = docker?.code === 0;
  if (!isPlugin && (await run('docker-compose', ['version'], { quiet: true }))?.code !== 0) throw notInstalled(Boolean(docker));
  const engine = await run('docker', ['info'], { quiet: true });
  if (engine && engine.code !== 0) throw engineDown(engine.output);
  const [program, first] = isPlugin ? ['docker', ['compose']] : ['docker-compose', []];
  // The app's .env names images, addresses and the like too; without this, compose reads one beside its file.
  const env = settings.file('.env');
  const options = ['--file', file, ...(env ? ['--env-file', env] : [])];
  return {
    file,
    waits: isPlugin ? ['--wait'] : [],
    async run(args) {
      const done = await run(program, [...first, ...options, ...args]);
      if (done?.code === 0) return;
      throw new Failure(`docker compose ${args[0]} failed with ${done?.code}, see above`, 'mend what it says, then run the command again');
    },
  };
}

/** @param {Settings} settings */
function composeFile(settings) {
  const set = settings.path('TELEMETRY_COMPOSE');
  const file = set ?? FILES.map((name) => fileURLToPath(new URL(name, import.meta.url))).find(existsSync);
  if (file && existsSync(file)) return file;
  const next = set ? 'correct TELEMETRY_COMPOSE, or leave it out' : 'install beaconry-host again, or name one by TELEMETRY_COMPOSE';
  throw new Failure(`there is no compose file${set ? ` ${set}` : ''}`, next, EXIT.settings);
}

/** @param {boolean} hasDocker */
function notInstalled(hasDocker) {
  if (hasDocker) return new Failure('this Docker has no compose', 'install its plugin: https://docs.docker.com/compose/install/', EXIT.settings);
  const next = 'install it from https://docs.docker.com/get-docker/, or run Loki and Grafana in your own way';
  return new Failure('Docker is not installed', next, EXIT.settings);
}

/** @param {string} output */
function engineDown(output) {
  const said = output.trim().split('\n').at(-1) ?? '';
  const next = 'start Docker Desktop, or on Linux: sudo systemctl start docker; may this user talk to it?';
  return new Failure(`Docker's engine does not answer: ${said}`, next);
}
