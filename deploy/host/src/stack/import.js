import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { DOWNLOADS } from '../download/download.js';
import { EXIT, Failure } from '../failure.js';
import { findCompose, hasCollector } from './compose.js';
import { run } from './run.js';

/** @typedef {import('../settings.js').Settings} Settings */
/** @typedef {import('../say.js').Say} Say */

/** Where the compose file's Loki is, for this machine and for its neighbours. */
const LOKI = 'http://127.0.0.1:3100';
const LOKI_THERE = 'http://loki:3100';
const SERVICE = 'collector';
const FOLDER_THERE = '/import';
/** In the folder of downloads: which events were brought, so that none is brought twice. */
const STATE = 'imported';

/**
 * `telemetry:import`: what was downloaded, to Loki, by the collector's own `import`: from the PATH, else from the compose file.
 * @param {Settings} settings
 * @param {Say} say
 */
export async function importDownloads(settings, say) {
  const folder = /** @type {string} */ (settings.path('TELEMETRY_DOWNLOADS', DOWNLOADS));
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')).sort() : [];
  if (names.length === 0) throw new Failure(`there are no journals in ${folder}`, 'run telemetry:download first', EXIT.settings);
  const program = settings.get('TELEMETRY_COLLECTOR') ?? 'beaconry';
  const isThere = (await run(program, ['--version'], { quiet: true }))?.code === 0;
  await (isThere ? importHere(settings, say, program, folder, names) : importThere(settings, say, program, folder, names));
  say(`imported; ${folder} may be imported again at any time, each event counts once`);
}

/**
 * @param {Settings} settings
 * @param {Say} say
 * @param {string} program
 * @param {string} folder
 * @param {string[]} names
 */
async function importHere(settings, say, program, folder, names) {
  const loki = settings.get('TELEMETRY_LOKI') ?? LOKI;
  say(`${program} imports ${names.length} files from ${folder} to ${loki}`);
  const done = await run(program, args(loki, folder, names, join));
  if (done?.code === 0) return;
  const next = 'is Loki up (telemetry:start)? Run the command again: it goes on where it stopped, and each event is stored once';
  throw new Failure(`the import failed with ${done?.code}, see above`, next);
}

/**
 * @param {Settings} settings
 * @param {Say} say
 * @param {string} program
 * @param {string} folder
 * @param {string[]} names
 */
async function importThere(settings, say, program, folder, names) {
  const compose = await findCompose(settings);
  if (!hasCollector(settings, compose.file)) {
    const next = 'name it by TELEMETRY_COLLECTOR (cargo install beaconry-collector), or an image of it by BEACONRY_IMAGE';
    throw new Failure(`there is no ${program} on the PATH, and no image of the collector`, next, EXIT.settings);
  }
  const loki = settings.get('TELEMETRY_LOKI') ?? LOKI_THERE;
  say(`no ${program} on the PATH: the one of the compose file imports ${names.length} files from ${folder} to ${loki}`);
  // Whoever runs this owns the folder; the image's own user may not write there.
  const owner = process.getuid ? ['--user', `${process.getuid()}:${process.getgid?.()}`] : [];
  const there = args(loki, FOLDER_THERE, names, (...parts) => parts.join('/'));
  await compose.run(['run', '--rm', '--no-deps', ...owner, '--volume', `${folder}:${FOLDER_THERE}`, SERVICE, ...there]);
}

/**
 * @param {string} loki
 * @param {string} folder
 * @param {string[]} names
 * @param {(...parts: string[]) => string} joined
 */
function args(loki, folder, names, joined) {
  return ['import', '--to', 'loki', loki, '--state', joined(folder, STATE), ...names.map((name) => joined(folder, name))];
}
