import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cleanUp } from './clean-up.js';

const BIN = fileURLToPath(new URL('../bin.js', import.meta.url));

/**
 * A team's machine: a folder with an app in it, gone when the test ends.
 * @param {import('node:test').TestContext} t
 */
export function makeWorld(t) {
  const dir = mkdtempSync(join(tmpdir(), 'beaconry-host-'));
  cleanUp(t, () => rmSync(dir, { recursive: true, force: true }));
  // A server that runs as another user passes through.
  chmodSync(dir, 0o755);
  const app = join(dir, 'app');
  mkdirSync(app);
  return {
    dir,
    app,
    /** @param {Record<string, string>} settings */
    write: (settings, file = '.env') => writeFileSync(join(app, file), Object.entries(settings).map(([name, value]) => `${name}='${value}'\n`).join('')),
    /**
     * The command as a team runs it.
     * @param {string} command
     * @param {Record<string, string>} [environment]
     */
    run: (command, environment = {}) => runCommand(app, command, environment),
  };
}

/**
 * @param {string} cwd
 * @param {string} command
 * @param {Record<string, string>} environment
 * @returns {Promise<{ code: number | null, out: string, err: string }>}
 */
function runCommand(cwd, command, environment) {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, ...environment };
    const child = spawn(process.execPath, [BIN, ...command.split(' ').filter(Boolean)], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}
