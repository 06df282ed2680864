import { EXIT, Failure, codeOf, messageOf } from '../failure.js';

/** @typedef {import('../settings.js').Host} Host */

/** What a connection's errors mean, by their code. */
const CONNECTION = new Map([
  ['ENOTFOUND', 'there is no host of that name'],
  ['EAI_AGAIN', 'the name cannot be looked up'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['EHOSTUNREACH', 'there is no way to it'],
  ['ENETUNREACH', 'there is no way to it'],
  ['ETIMEDOUT', 'it does not answer'],
  ['ECONNRESET', 'the connection broke off'],
  ['EPIPE', 'the connection broke off'],
]);

/**
 * The host could not be reached.
 * @param {Host} host
 * @param {unknown} error
 */
export function unreachable(host, error) {
  const why = CONNECTION.get(String(codeOf(error))) ?? messageOf(error);
  const next = 'check host and port in TELEMETRY_HOST, and that no firewall is in between';
  return new Failure(`cannot reach ${host.name}:${host.port}: ${why}`, next, EXIT.connection);
}

/**
 * The connection ended in the midst of something.
 * @param {Host} host
 * @param {string} doing
 * @param {unknown} error
 */
export function brokenOff(host, doing, error) {
  const why = CONNECTION.get(String(codeOf(error))) ?? messageOf(error);
  const next = 'run the same command again: it goes on where this one stopped';
  return new Failure(`the connection to ${host.name} broke off while ${doing}: ${why}`, next, EXIT.connection);
}

/**
 * @param {Host} host
 * @param {string} shown the fingerprint that the host showed
 * @param {string} why
 * @param {string} compare how to get at the true one
 */
export function untrusted(host, shown, why, compare) {
  const next = `compare with what your provider publishes (${compare}); if it is the same, set TELEMETRY_HOST_FINGERPRINT=${shown}`;
  return new Failure(`${host.name} is not trusted: ${why}; it shows ${shown}. No password was sent`, next, EXIT.settings);
}

/**
 * @param {Host} host
 * @param {string} said by the server
 */
export function loginRefused(host, said) {
  const means = host.keyFile ? 'TELEMETRY_HOST_KEY_FILE (its public half must be known there)' : 'TELEMETRY_HOST_PASSWORD';
  const next = `check the user in TELEMETRY_HOST and ${means}; some hosts have another login for files than for their panel`;
  return new Failure(`${host.name} refused the login of ${host.user}: ${said}`, next, EXIT.settings);
}

/** Begins what is said of a file that the host does not give out. */
export const SENDING = 'sending';

/**
 * The server answered that it does not do this.
 * @param {string} doing
 * @param {string} said by the server
 */
export function refused(doing, said) {
  let next = 'check that the folder in TELEMETRY_HOST is right and that this user may write there';
  if (/quota|space|storage|exceed/i.test(said)) next = 'free space on the host: telemetry:download, then delete old logs there';
  else if (doing.startsWith(SENDING)) next = "PHP may write its files as another user: set 'file_mode' => 0644 in config.php, and chmod 644 the old ones";
  return new Failure(`the host refused ${doing}: ${said}`, next);
}
