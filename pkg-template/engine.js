import { newId, remember } from './flag.js';
import { attempt, json } from './serialize.js';
import { createWriter, isError } from './writer.js';

/** How long the wasm waits for an idle page (one that is never idle still delivers), and `flush` by default, in ms. */
const WAIT_MS = 5_000;

/** Characters of a user's id, and bytes of a context: they are repeated in every batch. */
const USER_UNITS = 256;
const CONTEXT_BYTES = 1_024;

/**
 * What stands behind the public object while telemetry is on: first the writer, then the wasm client that takes its stream
 * over, and the writer again should that fail.
 * @param {import('./index.js').TelemetryOptions} options checked
 * @param {string} prefix of every key
 */
export function startEngine(options, prefix) {
  const storage = options.persist === false ? undefined : attempt(() => localStorage);
  options.session ??= (storage && remember('sessionStorage', `${prefix}session`)) || newId().slice(6);
  /** @type {import('./index.js').Stats['mode']} */
  let mode = 'writer';
  /** @type {import('./takeover.js').Sink | undefined} */
  let client;
  /** @type {Promise<void> | boolean | undefined} */
  let loading;
  /** @type {AbortController} */
  let listeners;
  /** @type {string | undefined} */
  let user;
  /** @type {object | undefined} */
  let context;

  /** A writer with a stream of its own, which follows the page's life. */
  function write() {
    const made = createWriter(options, storage, prefix);
    listeners = new AbortController();
    on(document, 'visibilitychange', made.hide);
    on(window, 'pagehide', made.dispose);
    on(window, 'pageshow', made.resume);
    on(window, 'online', load);
    return made;
  }

  /**
   * @param {EventTarget} target
   * @param {string} type
   * @param {() => unknown} act
   */
  function on(target, type, act) {
    target.addEventListener(type, act, listeners); // which has the signal
  }

  /** Fetches the wasm, once a page, and not for one that has let go; never rejects. What fails is tried again when asked. */
  const load = () =>
    (loading ??= mode === 'off' || import('./takeover.js')
      .then(({ takeOver }) => takeOver(options, writer, storage, on, install, revert))
      .catch(() => {
        loading = undefined;
        revert();
      }));

  /** @param {import('./takeover.js').Sink} sink */
  function install(sink) {
    client = sink;
    mode = 'wasm';
    listeners.abort();
    share();
  }

  /** No wasm, or none any more: who writes then, if that is another. */
  function revert() {
    if (mode === 'off') return;
    mode = 'degraded';
    if (!client) return;
    client = undefined;
    writer = write();
    share();
    return writer;
  }

  /** Brings user and context to who writes. */
  const share = () => (client ?? writer).share({ user, context });

  let writer = write();

  // Safari has only the other, which takes the object for no delay.
  /** @type {any} */ (window.requestIdleCallback ?? setTimeout)(load, { timeout: WAIT_MS });

  return {
    /** @param {string} line an error's is written at once, and sent soon */
    track(line) {
      if (mode === 'off') return;
      const high = isError(line);
      (client ?? writer).track(line, high);
      if (high && mode === 'writer') load(); // once: errors may come by the thousand
    },

    /** @param {any} id */
    setUser(id) {
      user = `${id ?? ''}`.slice(0, USER_UNITS) || undefined;
      share();
    },

    /** @param {unknown} value */
    setContext(value) {
      const text = json(value, CONTEXT_BYTES);
      context = text[0] === '{' ? JSON.parse(text) : undefined;
      share();
    },

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
