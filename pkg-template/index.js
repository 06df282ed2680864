import { startEngine } from './engine.js';
import { isGated, isOn, keyPrefix, OFF_UNTIL } from './flag.js';
import { readOptions } from './options.js';
import { attempt, callLine, eventLine, TYPES } from './serialize.js';

/** @typedef {ReturnType<typeof startEngine>} Engine */

const NOTHING = { delivered: 0, held: 0, dropped: 0 };

/** @type {typeof import('./index.js').createTelemetry} */
export function createTelemetry(options) {
  const engine = open(options);
  let warned = false;

  /**
   * Nothing of ours throws into the app, and while telemetry is off nothing of the app's is looked at.
   * @template T
   * @param {(to: Engine) => T} call
   */
  const ask = (call) => attempt(() => engine && call(engine));

  /**
   * @param {string} method
   * @returns {(...args: unknown[]) => void}
   */
  const caller =
    (method) =>
    (...args) => {
      ask((to) => to.track(callLine(method, args, Date.now()), method === 'error'));
    };

  return {
    track: (type, data) =>
      ask((to) => {
        to.track(eventLine(type, data, Date.now()), type === 'error');
        if (!options.debug || warned || TYPES.includes(type)) return;
        warned = true;
        console.warn(`beaconry: ${type} is no type of event`);
      }),
    log: caller('log'),
    error: caller('error'),
    metric: caller('metric'),
    event: caller('event'),
    vital: caller('vital'),
    setUser: (id) => ask((to) => to.setUser(id)),
    setContext: (context) => ask((to) => to.setContext(context)),
    dispose: () => ask((to) => to.dispose()),
    stats: () => ask((to) => to.stats()) ?? { mode: 'off', ...NOTHING, tracked: 0, released: 0, dropped: {}, storedBytes: 0 },
    flush: async (how) => (await ask((to) => to.flush(how))) ?? NOTHING,
  };
}

/**
 * The engine, if there is anything for it to do: not on a server, nor where telemetry is off.
 * @param {unknown} options
 */
function open(options) {
  if (typeof document === 'undefined') return;
  try {
    const read = readOptions(options);
    if (isOn(read) && !isGated(keyPrefix(read), OFF_UNTIL)) return startEngine(read);
  } catch (error) {
    console.error(`beaconry: options.${error} is missing or wrong; telemetry stays off`);
  }
}
