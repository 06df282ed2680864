import { GATE_MS } from './constants.js';
import { attempt, encode } from './serialize.js';

/** Decides, before anything is fetched or stored, whether telemetry is on for this visitor. */

/**
 * Whether telemetry is on. Where it is not, what earlier visits left is deleted, and nothing of another client's; all that
 * stays of a visitor who was not chosen is the random key that keeps the choice stable.
 * @param {import('./index.js').TelemetryOptions} options checked
 * @param {string} prefix of every key in localStorage and sessionStorage
 */
export function isOn({ flag, visitor }, prefix) {
  let kept = '';
  if (typeof flag === 'object') {
    // A choice that cannot be kept is none: such a visitor is in with the last.
    visitor ??= remember('localStorage', (kept = `${prefix}visitor`));
    if (visitor ? chosen(visitor, flag.rollout) : flag.rollout === 100) return true;
  }
  if (flag === 'ENABLED') return true;
  attempt(() => localStorage[`${prefix}mirror`] && indexedDB.deleteDatabase(prefix));
  attempt(() => {
    for (const store of [localStorage, sessionStorage]) {
      for (const key in store) if (key.startsWith(prefix) && key !== kept) delete store[key];
    }
  });
}

/**
 * Whether a rollout of `percent` (0 to 100) includes `visitor`. Who is in stays in when the rollout grows. The core has
 * the same function; they share test vectors.
 * @param {string} visitor
 * @param {number} percent
 */
export const chosen = (visitor, percent) => fnv1a(`beaconry:${visitor}`) % 10_000 < percent * 100;

/**
 * FNV-1a, 32 bits, over the UTF-8 of `text`.
 * @param {string} text
 */
export function fnv1a(text) {
  let hash = 0x811c9dc5;
  for (const byte of encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * What keeps two clients of one origin apart in the storage: `bcn1:<scope>:`.
 * @param {import('./index.js').TelemetryOptions} options
 */
export const keyPrefix = ({ url, app, key }) =>
  `bcn1:${fnv1a(`${url}\n${app ?? key}`).toString(16).padStart(8, '0')}:`;

/**
 * The ms for which a word of the gate still holds; 0 where none does: further ahead than may be is a broken clock's.
 * @param {string} prefix
 * @param {number} which
 */
export function gatedFor(prefix, which) {
  const left = /** @type {number} */ (attempt(() => JSON.parse(localStorage[`${prefix}gate`] ?? '[]')[which] - Date.now()));
  return left > 0 && left <= GATE_MS ? left : 0;
}

/**
 * The random text under `key`, made where there is none yet; undefined where it cannot be kept.
 * @param {'localStorage' | 'sessionStorage'} name
 * @param {string} key
 * @returns {string | undefined}
 */
export const remember = (name, key) => attempt(() => (window[name][key] ??= newId().slice(6)));

/**
 * An id of 22 characters: 48 bits of its birth (unix ms) and 80 random bits, as base64url.
 */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let at = 6, birth = Date.now(); at--; birth /= 256) bytes[at] = birth; // modulo 256
  const text = btoa(String.fromCharCode(...bytes)).slice(0, 22); // without its padding
  return text.replaceAll('+', '-').replaceAll('/', '_');
}
