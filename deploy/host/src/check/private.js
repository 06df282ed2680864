import { posix } from 'node:path';

import { logFolder } from '../layout.js';

/** What must never be sent by the web server, beside the journals. */
const PRIVATE = ['.ht-beaconry.json', 'config.php', 'config.example.php', 'rotate-logs.php'];

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
    const host = settings.host();
    const logs = posix.relative(host.folder, logFolder(settings, host));
    const today = `events-${now.toISOString().slice(0, 10)}.jsonl`;
    names.push(`${logs}/`, `${logs}/${today}`);
  }
  return names.map((name) => new URL(name, endpoint));
}
