import { startEngine } from './engine.js';
import { gatedFor, isOn, keyPrefix, OFF_UNTIL } from './flag.js';
import { readOptions } from './options.js';
import { attempt, callLine, eventLine, TYPES } from './serialize.js';

/** @typedef {ReturnType<typeof startEngine>} Engine */

const NOTHING = { delivered: 0, held: 0, dropped: 0 };

/** @type {typeof import('./index.js').createTelemetry} */
export function createTelemetry(options) {
  const engine = open(options);
  let debug = engine && options.debug;

  /**
   * Nothing of ours throws into the app, and while telemetry is off nothing of the app's is looked at.
   * @template T
   * @param {(to: Engine) => T} call
   */
  const ask = (call) => attempt(() => engine && call(engine));

  /** @type {any} */
  const telemetry = {
    track(/** @type {any} */ type, /** @type {unknown} */ data) {
      ask((to) => {
        to.track(eventLine(type, data, Date.now()), type === 'error');
        if (!debug || TYPES.includes(type)) return;
        debug = false; // once
        console.warn(`beaconry: unknown type ${type}`);
      });
    },
    stats: () => ask((to) => to.stats()) ?? { mode: 'off', ...NOTHING, tracked: 0, released: 0, dropped: {}, storedBytes: 0 },
    async flush(/** @type {any} */ how) {
      try {
        return await /** @type {Engine} */ (engine).flush(how);
      } catch {
        return NOTHING; // there is no engine, or `how` is no option
      }
    },
  };
  for (const type of TYPES) {
    telemetry[type] = (/** @type {unknown[]} */ ...args) => ask((to) => to.track(callLine(type, args, Date.now()), type === 'error'));
  }
  for (const name of /** @type {const} */ (['setUser', 'setContext', 'dispose'])) {
    telemetry[name] = (/** @type {unknown} */ value) => ask((to) => to[name](value));
  }
  return telemetry;
}

/**
 * The engine, if there is anything for it to do: not on a server, nor where telemetry is off.
 * @param {unknown} options
 */
function open(options) {
  if (!globalThis.document) return;
  try {
    const read = readOptions(options);
    const prefix = keyPrefix(read);
    if (isOn(read, prefix) && !gatedFor(prefix, OFF_UNTIL)) return startEngine(read, prefix);
  } catch (error) {
    console.error(`beaconry is off: options.${error} is missing or wrong`);
  }
}
