import { posix } from 'node:path';

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./settings.js').Place} Place */

/** The first line of every journal of the drop-in: who asks a web server for the file gets the answer of an empty program. */
export const GUARD = Buffer.from('<?php __halt_compiler(); // Beaconry: what follows is one event a line, as JSON\n');

/**
 * Where the drop-in may write its journals to, as the host's login sees it; it takes the first that is there. As `data` of
 * config.example.php has it: outside of what the web server shows, where this login gets there; else beside the drop-in.
 * @param {Settings} settings
 * @param {Place} place
 * @returns {string[]}
 */
export function logFolders(settings, { folder }) {
  const set = settings.get('TELEMETRY_LOGS');
  if (set) return [set];
  const outside = posix.join(folder, '../..', 'beaconry-data');
  const inside = `${folder}/data`;
  return outside.startsWith('..') ? [inside] : [outside, inside];
}
