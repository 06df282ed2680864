import { OFF_UNTIL } from './constants.js';
import { startEngine } from './engine.js';
import { gatedFor, isOn, keyPrefix } from './flag.js';
import { readOptions } from './options.js';
import { attempt, callEntry, toEntry, TYPES } from './serialize.js';

/** @typedef {ReturnType<typeof startEngine>} Engine */

const NOTHING = { delivered: 0, held: 0, dropped: 0 };

/** @type {typeof import('./index.js').createTelemetry} */
export function createTelemetry(options) {
  const engine = open(options);
  let debug = /** @type {any} */ (engine && options.debug);

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
        to.track(toEntry(type, data));
        if (debug && !TYPES.includes(type)) {
          debug = false; // once, also where the app tracks what is warned of
          console.warn(`beaconry: unknown type ${type}`);
        }
      });
    },
    stats: () => ({ mode: 'off', tracked: 0, held: 0, delivered: 0, released: 0, dropped: {}, storedBytes: 0, ...ask((to) => to.stats()) }),
    async flush(/** @type {any} */ how) {
      try {
        return await /** @type {Engine} */ (engine).flush(how);
      } catch {
        return NOTHING; // there is no engine, or `how` is no option
      }
    },
  };
  for (const type of TYPES) {
    telemetry[type] = (/** @type {unknown} */ a, /** @type {unknown} */ b, /** @type {unknown} */ c) => {
      try {
        // Not by `ask`, which would make two functions for each event.
        engine?.track(callEntry(type, a, b, c));
      } catch {}
    };
  }
  for (const name of /** @type {const} */ (['setUser', 'setContext'])) {
    telemetry[name] = (/** @type {unknown} */ value) => ask((to) => to.say(name, value));
  }
  telemetry.dispose = () => ask((to) => to.dispose());
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
