/** What stands in for the images: the one that was built here, and programs that `cargo xtask setup` found. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param {string} name @param {string} how to get it */
function named(name, how) {
  const path = process.env[name];
  if (!path || !existsSync(path)) throw new Error(`${name} names no file: ${how}`);
  return path;
}

/** The files of the collector's image, and its user. */
export function image() {
  const folder = named('BEACONRY_IMAGE', 'run `cargo xtask test deploy`, or `node test/image.js FOLDER` and name FOLDER');
  const { User } = JSON.parse(readFileSync(join(folder, 'image.json'), 'utf8'));
  return { folder, root: join(folder, 'root'), user: Number(`${User}`.split(':')[0]) };
}

/** What a team may run already. */
export const otelcol = () => named('BEACONRY_OTELCOL', 'run `cargo xtask setup otelcol`');

/** By the name of the service. @returns {Record<string, import('./container.js').Program>} */
export function programs() {
  const { root, user } = image();
  const beaconry = { root, user, path: '/usr/bin/beaconry' };
  return {
    collector: beaconry,
    forwarder: beaconry,
    otlp: beaconry,
    loki: { path: named('BEACONRY_LOKI', 'run `cargo xtask setup loki`') },
    prometheus: { path: named('BEACONRY_PROMETHEUS', 'run `cargo xtask setup prometheus`') },
  };
}
