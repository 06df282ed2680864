import { attempt } from './patch.js';

/** The message of an error that throws when it is read. */
const UNREADABLE = '[threw]';

/** Causes, and members of an AggregateError, that are followed: the serialiser goes no deeper either. */
const DEPTH = 5;
const ERRORS = 10;

/** Members besides an error's own that say what failed. Others may hold anything: those of HTTP clients have whole requests. */
const TELLING = ['code', 'status'];

/**
 * What is stored of whatever was thrown: `{name, message, stack, cause, errors, code, status}` of an error, its addresses
 * cleaned; another value as it is. Never throws.
 * @param {any} thrown
 * @param {import('./addresses.js').Cleaner} clean
 * @param {number} [depth]
 * @returns {any}
 */
export function describe(thrown, clean, depth = 0) {
  let said = { name: 'Error', message: UNREADABLE };
  attempt(() => (said = read(thrown, clean, depth)));
  return said;
}

/**
 * @param {any} thrown
 * @param {import('./addresses.js').Cleaner} clean
 * @param {number} depth
 * @returns {any}
 */
function read(thrown, clean, depth) {
  if (typeof thrown === 'string') return clean.text(thrown);
  if (!isErrorLike(thrown)) return thrown;
  /** @type {Record<string, unknown>} */
  const said = { name: `${thrown.name ?? 'Error'}`, message: clean.text(thrown.message) };
  if (typeof thrown.stack === 'string') said.stack = clean.text(thrown.stack);
  for (const name of TELLING) {
    if (typeof thrown[name] === 'string' || Number.isFinite(thrown[name])) said[name] = thrown[name];
  }
  if (depth >= DEPTH) return said;
  if (thrown.cause !== undefined) said.cause = describe(thrown.cause, clean, depth + 1);
  if (Array.isArray(thrown.errors)) {
    said.errors = thrown.errors.slice(0, ERRORS).map((/** @type {unknown} */ each) => describe(each, clean, depth + 1));
  }
  return said;
}

/** @param {any} value an error of any window, or what an app throws for one */
export const isErrorLike = (value) => typeof value === 'object' && value !== null && typeof attempt(() => value.message) === 'string';
