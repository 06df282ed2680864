import { WAIT_MS } from './constants.js';
import { openStorage } from './options.js';
import { createWriter, describe } from './writer.js';

/**
 * What stands behind the public object while telemetry is on: first the writer, then the wasm client that takes its stream
 * over; where that fails the writer again, behind a drain that delivers what is written.
 *
 * @typedef {Pick<import('./driver.js').Driver, 'track' | 'say' | 'flush' | 'stats' | 'dispose'>} Client
 *
 * @param {import('./index.js').TelemetryOptions} options checked
 * @param {string} prefix of every key
 */
export function startEngine(options, prefix) {
  const storage = openStorage(options, prefix);
  const members = describe(options);
  /** @type {import('./index.js').Stats['mode']} as long as there is nobody else who tells it */
  let mode = 'writer';
  /** @type {Client | undefined} */
  let client;
  /** @type {Promise<void> | boolean | undefined} */
  let loading;
  /** @type {ReturnType<typeof createWriter>} */
  let writer;

  /** A writer with a stream of its own. */
  function write() {
    writer = createWriter(options, storage, prefix, members);
    addEventListener('online', load, writer.listeners);
    return writer;
  }

  /** Fetches the wasm, once a page, and not for one that has let go; never rejects. What fails is tried again when asked. */
  const load = () =>
    (loading ??= mode === 'off' || import('./takeover.js')
      .then(({ takeOver }) => takeOver({ options, prefix, storage, members }, writer, install, revert))
      .catch(() => {
        loading = undefined;
        if (mode === 'writer') mode = 'degraded';
      }));

  /** @param {typeof client} made */
  const install = (made) => (client = made);

  /** No wasm any more: who writes then, unless nobody does. */
  function revert() {
    if (mode === 'off') return;
    mode = 'degraded';
    client = undefined;
    return write();
  }

  write();

  // Safari has only the other, which takes the object for no delay.
  /** @type {any} */ (window.requestIdleCallback ?? setTimeout)(load, { timeout: WAIT_MS });

  return {
    /** @param {import('./serialize.js').Entry} entry */
    track(entry) {
      if (mode === 'off') return;
      (client ?? writer).track(entry);
      if (entry.high && mode === 'writer') load(); // once: errors may come by the thousand
    },

    /**
     * Changes what is said with the events to come.
     * @param {'setUser' | 'setContext'} what
     * @param {unknown} value
     */
    say: (what, value) => (client ?? writer).say(() => members[what](value)),

    /** @param {{ timeout?: number }} [options] */
    async flush(options) {
      const timeout = options?.timeout ?? WAIT_MS;
      const end = Date.now() + timeout;
      await Promise.race([load(), new Promise((resolve) => setTimeout(resolve, timeout))]);
      const { held, tracked } = writer.stats();
      return client ? client.flush(end - Date.now()) : { delivered: 0, held, dropped: tracked - held };
    },

    stats: () => ({ mode, ...(client ?? writer).stats() }),

    dispose() {
      if (mode === 'off') return;
      mode = 'off';
      writer.listeners.abort();
      (client ?? writer).dispose();
    },
  };
}
