import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { DOWNLOADS } from '../download/download.js';
import { EXIT, Failure } from '../failure.js';
import { compose, composeFile } from './compose.js';
import { run } from './run.js';

const LOKI = 'http://127.0.0.1:3100';
/** In the folder of downloads: which events were brought, so that none is brought twice. */
const STATE = 'imported';
/** Names of the compose file. */
const SERVICE = 'collector';
const LOKI_THERE = 'http://loki:3100';
const FOLDER_THERE = '/import';

/**
 * `telemetry:import`: what was downloaded, to Loki, by the collector's own `import`: from the PATH, else from the compose file.
 * @param {import('../settings.js').Settings} settings
 * @param {import('../say.js').Say} say
 */
export async function importDownloads(settings, say) {
  const folder = /** @type {string} */ (settings.path('TELEMETRY_DOWNLOADS', DOWNLOADS));
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')).sort() : [];
  if (names.length === 0) throw new Failure(`there are no journals in ${folder}`, 'run telemetry:download first', EXIT.settings);
  const program = settings.get('TELEMETRY_COLLECTOR') ?? 'beaconry';
  if (await run(program, ['--version'], { quiet: true })) {
    const loki = settings.get('TELEMETRY_LOKI') ?? LOKI;
    say(`${program} imports ${names.length} files from ${folder} to ${loki}`);
    const done = await run(program, ['import', '--to', 'loki', loki, '--state', join(folder, STATE), ...names.map((name) => join(folder, name))]);
    if (done?.code !== 0) {
      throw new Failure(`the import failed with ${done?.code}, see above`, 'is Loki up (telemetry:start)? Run the command again: it goes on where it stopped, and each event is stored once');
    }
  } else {
    const loki = settings.get('TELEMETRY_LOKI') ?? LOKI_THERE;
    say(`no ${program} on the PATH: the one of the compose file imports ${names.length} files from ${folder} to ${loki}`);
    const files = names.map((name) => `${FOLDER_THERE}/${name}`);
    await compose(composeFile(settings), ['run', '--rm', '--no-deps', '--volume', `${folder}:${FOLDER_THERE}`, SERVICE, 'import', '--to', 'loki', loki, '--state', `${FOLDER_THERE}/${STATE}`, ...files]);
  }
  say('imported');
}
