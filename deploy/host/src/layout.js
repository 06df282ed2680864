/**
 * The folder that the drop-in writes its journals to, as the host's login sees it.
 * @param {import('./settings.js').Settings} settings
 * @param {import('./settings.js').Host} host
 */
export function logFolder(settings, host) {
  return settings.get('TELEMETRY_LOGS') ?? `${host.folder}/logs`;
}
