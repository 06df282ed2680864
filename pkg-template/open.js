import { WAIT_MS } from './constants.js';
import { createDriver } from './driver.js';
import { keyPrefix } from './flag.js';
import { openStorage, readOptions } from './options.js';
import { attempt, callEntry, toEntry, utf8 } from './serialize.js';
import { createWriter, describe } from './writer.js';

/**
 * A client without the facade, which begins at once: for `beaconry/client` and for Rust front ends. A wrong option is named in
 * the console, and there is none.
 * @param {any} given options; who constructs a client has decided that telemetry is on
 * @param {() => import('./core.js').Core} createCore
 */
export function openClient(given, createCore) {
  try {
    const options = readOptions({ ...given, flag: 'ENABLED' });
    const prefix = keyPrefix(options);
    const storage = openStorage(options, prefix);
    const members = describe(options);
    const core = createCore();
    /** As behind the facade: a writer, with a drain once that is loaded. */
    const failed = () => {
      const writer = (heir = createWriter(options, storage, prefix, members));
      if (isOver) writer.listeners.abort();
      import('./drain.js')
        .then(({ drain }) => drain({ options, prefix, storage }, writer, (made) => (client = made)))
        .catch(() => {});
      return { track: (/** @type {import('./serialize.js').Entry} */ entry) => void (entry.bytes && writer.track(entry)) };
    };
    const driver = createDriver({ options, prefix, storage, members, createCore, failed });
    /** @type {import('./engine.js').Client} */
    let client = driver;
    /** @type {ReturnType<typeof createWriter> | undefined} */
    let heir;
    let isOver = false; // what comes after the last trap listens to nothing
    driver.start(core);
    const track = (/** @type {import('./serialize.js').Entry} */ entry) => client.track(entry);
    return {
      /** @param {string} line of the app's own making */
      trackLine: (line) => (isEvent(line) ? track({ line: `${line}\n`, bytes: utf8(line), high: isError(line) }) : heir || driver.track(NO_EVENT)),

      /**
       * @param {string} type
       * @param {unknown} data
       */
      track: (type, data) => track(toEntry(type, data)),

      /**
       * @param {string} method log, error, metric, event or vital
       * @param {unknown[]} args
       */
      call: (method, ...[a, b, c]) => track(callEntry(method, a, b, c)),

      setUser: (/** @type {unknown} */ user) => client.say(() => members.setUser(user)),
      setContext: (/** @type {unknown} */ context) => client.say(() => members.setContext(context)),
      flush: (/** @type {any} */ how) => client.flush(attempt(() => (how.timeout >= 0 ? +how.timeout : WAIT_MS)) ?? WAIT_MS),
      stats: () => client.stats(),
      dispose() {
        isOver = true;
        heir?.listeners.abort();
        client.dispose();
        heir?.dispose(); // its drain may not be there yet
      },
    };
  } catch (error) {
    console.error(`beaconry is off: options.${error} is missing or wrong`);
  }
}

const NO_EVENT = { line: '', bytes: 0, high: false };

/** @param {string} line */
const isEvent = (line) => !/[\n\r]/.test(line) && attempt(() => JSON.parse(line).constructor === Object);

/** @param {string} line of the form that a batch has */
const isError = (line) => line.startsWith('{"type":"er');

/**
 * For Rust front ends, whose core is part of their own module: when that has trapped there is no other.
 * @param {any} options
 * @param {import('./core.js').Core} core
 */
export function open(options, core) {
  const cores = [core];
  return openClient(options, () => {
    const next = cores.pop();
    if (!next) throw new Error('no other');
    return next;
  });
}
