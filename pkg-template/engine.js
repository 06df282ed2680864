import { openStorage } from './options.js';
import { createWriter, describe } from './writer.js';

/** How long the wasm waits for an idle page (one that is never idle still delivers), and `flush` by default, in ms. */
const WAIT_MS = 5_000;

/**
 * What stands behind the public object while telemetry is on: first the writer, then the wasm client that takes its stream
 * over, and the writer again should that fail.
 * @param {import('./index.js').TelemetryOptions} options checked
 * @param {string} prefix of every key
 */
export function startEngine(options, prefix) {
  const storage = openStorage(options, prefix);
  const members = describe(options);
  /** @type {import('./index.js').Stats['mode']} */
  let mode = 'writer';
  /** @type {import('./driver.js').Driver | undefined} */
  let client;
  /** @type {Promise<void> | boolean | undefined} */
  let loading;
  /** @type {AbortController} */
  let listeners;

  /** A writer with a stream of its own, which follows the page's life. */
  function write() {
    const made = createWriter(options, storage, prefix, members);
    listeners = new AbortController();
    on('visibilitychange', made.settle); // which bubbles
    on('pagehide', made.dispose);
    on('pageshow', made.resume);
    on('online', load);
    return made;
  }

  /**
   * @param {string} type
   * @param {() => unknown} act
   */
  function on(type, act) {
    addEventListener(type, act, listeners); // which has the signal
  }

  /** Fetches the wasm, once a page, and not for one that has let go; never rejects. What fails is tried again when asked. */
  const load = () =>
    (loading ??= mode === 'off' || import('./takeover.js')
      .then(({ takeOver }) => takeOver({ options, prefix, storage, members }, writer, on, install, revert))
      .catch(() => {
        loading = undefined;
        revert();
      }));

  /** @param {import('./driver.js').Driver} driver */
  function install(driver) {
    client = driver;
    mode = 'wasm';
    listeners.abort();
  }

  /** No wasm, or none any more: who writes then, if that is another. */
  function revert() {
    if (mode === 'off') return;
    mode = 'degraded';
    if (!client) return;
    client = undefined;
    return (writer = write());
  }

  /** @param {() => void} change of what is said with the events to come */
  const say = (change) => (client ?? writer).say(change);

  let writer = write();

  // Safari has only the other, which takes the object for no delay.
  /** @type {any} */ (window.requestIdleCallback ?? setTimeout)(load, { timeout: WAIT_MS });

  return {
    /**
     * @param {string} line
     * @param {boolean} high an error's: written at once, and sent soon
     */
    track(line, high) {
      if (mode === 'off') return;
      (client ?? writer).track(line, high);
      if (high && mode === 'writer') load(); // once: errors may come by the thousand
    },

    /** @param {unknown} id */
    setUser: (id) => say(() => members.setUser(id)),

    /** @param {unknown} value */
    setContext: (value) => say(() => members.setContext(value)),

    /** @param {{ timeout?: number }} [options] */
    async flush(options) {
      const timeout = options?.timeout ?? WAIT_MS;
      const end = Date.now() + timeout;
      await Promise.race([load(), new Promise((resolve) => setTimeout(resolve, timeout))]);
      const { held, tracked } = writer.stats();
      return (await client?.flush(end - Date.now())) ?? { delivered: 0, held, dropped: tracked - held };
    },

    stats: () => ({ mode, ...(client ?? writer).stats() }),

    dispose() {
      if (mode === 'off') return;
      mode = 'off';
      listeners.abort();
      (client ?? writer).dispose();
    },
  };
}
