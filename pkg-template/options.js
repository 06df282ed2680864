import { OPTION_UNITS } from './constants.js';
import { newId, remember } from './flag.js';
import { attempt } from './serialize.js';

/** What takes the place of each option that is absent, and is of its kind; what may not be absent is wrong here.
 * @type {Record<string, unknown>} */
const STANDINS = {
  url: '',
  key: '',
  app: '-',
  release: '-',
  env: '-',
  visitor: '-',
  session: '-',
  page: '-',
  persist: true,
  mirror: true,
  debug: true,
  onDrop: attempt,
  limits: {},
};

/**
 * The options, read once: what the app does to its object later changes nothing.
 * @param {any} options
 * @returns {import('./index.js').TelemetryOptions & { flag: import('./index.js').Flag }}
 * @throws {string} the name of what is missing or wrong
 */
export function readOptions(options) {
  const read = { ...options };
  const { url, limits } = read;
  const flag = (read.flag ??= 'DISABLED');
  if (flag === 'DISABLED') return read;
  if (!(flag === 'ENABLED' || (flag.rollout >= 0 && flag.rollout <= 100))) throw 'flag';
  for (const name in STANDINS) {
    const standin = STANDINS[name];
    const value = read[name] ?? standin;
    if (typeof value !== typeof standin || value === '' || value.length > OPTION_UNITS) throw name;
  }
  for (const name in limits) if (!(limits[name] > 0)) throw `limits.${name}`;
  if (!/^(https?:\/)?\/./.test(url)) throw 'url';
  return read;
}

/**
 * localStorage, where it may be used; and the visit gets an id, if the app gave it none.
 * @param {import('./index.js').TelemetryOptions} options checked
 * @param {string} prefix of every key
 */
export function openStorage(options, prefix) {
  const storage = options.persist === false ? undefined : attempt(() => localStorage);
  options.session ??= (storage && remember('sessionStorage', `${prefix}session`)) || newId().slice(6);
  return storage;
}
