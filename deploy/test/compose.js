/** What `docker-compose config` makes of compose.yaml: variables filled in, paths absolute, the file's grammar checked. */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

const FILE = fileURLToPath(new URL('../compose.yaml', import.meta.url));

/**
 * @typedef {object} Service
 * @property {string} image
 * @property {string[]} [command]
 * @property {Record<string, string | null>} [environment]
 * @property {string[]} [volumes]
 * @property {string[]} [ports]
 * @property {string[]} [profiles]
 * @property {{ context: string, dockerfile: string }} [build]
 */

/**
 * @param {string[]} profiles
 * @param {Record<string, string>} [environment] as `.env` would set it
 * @returns {{ services: Record<string, Service>, volumes: Record<string, object> }}
 */
export function resolve(profiles, environment = {}) {
  const args = ['-f', FILE, ...profiles.flatMap((profile) => ['--profile', profile]), 'config'];
  const env = { PATH: process.env.PATH, ...environment };
  return parse(execFileSync('docker-compose', args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] }));
}

/**
 * `source:target:mode` of a service's volumes.
 * @param {Service} service
 */
export const mounts = (service) =>
  (service.volumes ?? []).map((volume) => {
    const [source = '', target = '', mode = 'rw'] = volume.split(':');
    return { source, target, isNamed: !source.startsWith('/'), isReadOnly: mode === 'ro' };
  });
