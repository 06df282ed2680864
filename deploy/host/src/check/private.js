import { posix } from 'node:path';

import { MANIFEST } from '../deploy/manifest.js';
import { logFolders } from '../layout.js';

/** What must never be sent by the web server, beside the journals. */
const PRIVATE = [MANIFEST, 'config.php', 'config.example.php', 'rotate-logs.php'];

/**
 * Where journals and settings would be, were the web server to send them.
 * @param {import('../settings.js').Settings} settings
 * @param {URL} endpoint
 * @param {Date} now
 * @returns {URL[]} none where the endpoint is no PHP file
 */
export function privateUrls(settings, endpoint, now) {
  if (!endpoint.pathname.endsWith('.php')) return [];
  const names = [...PRIVATE];
  if (settings.get('TELEMETRY_HOST')) {
    const place = settings.place();
    const today = `events-${now.toISOString().slice(0, 10)}.jsonl.php`;
    for (const folder of logFolders(settings, place)) {
      const logs = posix.relative(place.folder, folder);
      names.push(`${logs}/`, `${logs}/${today}`);
    }
  }
  return names.map((name) => new URL(name, endpoint));
}
