import { check } from './check/check.js';
import { deploy } from './deploy/deploy.js';
import { download } from './download/download.js';
import { EXIT, Failure } from './failure.js';
import { Settings } from './settings.js';
import { start, stop } from './stack/compose.js';
import { importDownloads } from './stack/import.js';

/** @typedef {(settings: Settings, say: import('./say.js').Say) => Promise<void>} Command */

/** @type {Map<string, { run: Command, what: string }>} */
const COMMANDS = new Map([
  ['deploy', { run: deploy, what: 'uploads the PHP drop-in to the host, only what changed' }],
  ['check', { run: check, what: 'sends one event, sees it arrive, and says what is wrong' }],
  ['download', { run: download, what: 'brings the host\'s journals here; goes on where it stopped' }],
  ['import', { run: importDownloads, what: 'brings the downloaded journals to Loki, each event once' }],
  ['start', { run: start, what: 'starts collector, Loki and Grafana here (docker compose)' }],
  ['stop', { run: stop, what: 'stops them; the data stays' }],
]);

/**
 * @param {string[]} args
 * @param {{ folder: string, environment: Record<string, string | undefined>, say: (line: string) => void, complain: (line: string) => void }} world
 * @returns {Promise<number>} the exit code
 */
export async function main(args, { folder, environment, say, complain }) {
  const [name = '', ...rest] = args;
  const command = COMMANDS.get(name);
  if (!command || rest.length > 0) {
    const isAsked = ['--help', '-h', 'help'].includes(name);
    (isAsked ? say : complain)(usage());
    return isAsked ? 0 : EXIT.settings;
  }
  try {
    await command.run(new Settings(folder, environment), say);
    return 0;
  } catch (error) {
    // Anything else is a mistake of ours, and its stack tells where.
    if (!(error instanceof Failure)) throw error;
    complain(`beaconry-host ${name}: ${error.message}\n  next: ${error.next}`);
    return error.exit;
  }
}

function usage() {
  const lines = [...COMMANDS].map(([name, { what }]) => `  beaconry-host ${name.padEnd(9)} ${what}`);
  const tail = 'Settings come from the environment, .env.deploy, .env.local and .env; the package\'s .env.example explains each.';
  return `usage:\n${lines.join('\n')}\n${tail}`;
}
