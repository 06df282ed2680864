import { spawn } from 'node:child_process';
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const APP = fileURLToPath(new URL('../../examples/vite-app', import.meta.url));

/**
 * What a team types, in the folder of its app.
 * @param {Record<string, string>} settings as its `.env` files would have them
 * @param {(line: string) => void} say
 */
export function makeTeam(settings, say) {
  /**
   * @param {string} script
   * @param {Record<string, string>} [environment]
   * @returns {Promise<string>} what it printed; rejects where it fails
   */
  function npm(script, environment = {}) {
    say(`npm run ${script}`);
    return new Promise((resolve, reject) => {
      const env = { ...process.env, ...settings, ...environment };
      const child = spawn('npm', ['run', '--silent', script], { cwd: APP, env, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
      child.on('error', reject);
      child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`npm run ${script} ended with ${code}:\n${output}`))));
    });
  }

  return {
    npm,
    /**
     * Builds the app for a phase.
     * @param {'DISABLED' | 'ROLLOUT' | 'ENABLED'} phase
     * @param {string} into
     * @param {Record<string, string>} [more]
     */
    async build(phase, into, more = {}) {
      await npm('build:deploy', { VITE_TELEMETRY_FLAG: phase, ...more });
      cpSync(join(APP, 'dist'), into, { recursive: true });
    },
  };
}

/**
 * The lines of all journals of a folder, each id once.
 * @param {string} folder
 * @returns {any[]}
 */
export function readJournals(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  const lines = files.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean));
  return [...new Map(lines.map((line) => JSON.parse(line)).map((line) => [line.id, line])).values()];
}

/**
 * @param {any[]} lines
 * @returns {Record<string, number>}
 */
export function countByType(lines) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { type } of lines) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}
