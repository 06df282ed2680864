import { spawn } from 'node:child_process';

import { Failure, codeOf, messageOf } from '../failure.js';

/**
 * Runs a program to its end, without a shell: Windows and Linux pass the arguments on as they are.
 * @param {string} program
 * @param {string[]} args
 * @param {{ quiet?: boolean }} [how] quiet: its output is returned, not shown
 * @returns {Promise<{ code: number, output: string } | undefined>} undefined where there is no such program
 */
export function run(program, args, { quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'], windowsHide: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', (error) => {
      if (codeOf(error) === 'ENOENT') return resolve(undefined);
      reject(new Failure(`cannot run ${program}: ${messageOf(error)}`, 'is it a program that this user may run?'));
    });
    child.on('close', (code, signal) => {
      if (signal) return reject(new Failure(`${program} was ended by ${signal}`, 'run the command again'));
      resolve({ code: code ?? 1, output });
    });
  });
}
