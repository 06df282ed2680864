// The client without the facade, for who loads the wasm himself: it begins at once, with a stream of its own.
import { compile, createCore } from './core.js';
import { openClient } from './open.js';

/** @type {WebAssembly.Module} */
let module;

/**
 * Fetches the wasm; before the first client.
 * @param {string | URL} [url]
 */
export default async function init(url) {
  module = await compile(url);
}

/** Wrong options are named in the console; then every call does nothing. */
export class TelemetryClient {
  #client;

  /** @param {any} options */
  constructor(options) {
    this.#client = openClient(options, () => createCore(module));
    for (const type of ['log', 'error', 'metric', 'event', 'vital']) {
      /** @type {any} */ (this)[type] = (/** @type {any[]} */ ...args) => this.#client?.call(type, ...args);
    }
  }

  /**
   * @param {string} type
   * @param {unknown} data
   */
  track(type, data) {
    this.#client?.track(type, data);
  }

  /** @param {string} line an event that is a JSON line already */
  trackLine(line) {
    this.#client?.trackLine(line);
  }

  /** @param {unknown} user */
  setUser(user) {
    this.#client?.setUser(user);
  }

  /** @param {unknown} context */
  setContext(context) {
    this.#client?.setContext(context);
  }

  /** @param {{ timeout?: number }} [how] */
  async flush(how) {
    return (await this.#client?.flush(how)) ?? { delivered: 0, held: 0, dropped: 0 };
  }

  stats() {
    return this.#client?.stats();
  }

  dispose() {
    this.#client?.dispose();
  }
}
