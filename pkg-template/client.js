// The client without the facade, for who loads the wasm himself: it begins at once, with a stream of its own.
// @ts-ignore: made by the build
import init, { TelemetryClient as Core } from './wasm/beaconry.js';

export default init;

/** Wrong options are named in the console; then every call does nothing. */
export class TelemetryClient {
  /** @type {any} */
  #host;
  #core;

  /** @param {any} options */
  constructor(options) {
    /** @type {import('./platform/host.js').Handover} */
    const handover = {};
    this.#core = new Core(options, handover);
    this.#host = handover.host;
    for (const type of ['log', 'error', 'metric', 'event', 'vital']) {
      /** @type {any} */ (this)[type] = (/** @type {any[]} */ ...args) => this.#host?.call(type, ...args);
    }
  }

  /**
   * @param {string} type
   * @param {unknown} data
   */
  track(type, data) {
    this.#host?.track(type, data);
  }

  /** @param {string} line an event that is a JSON line already */
  trackLine(line) {
    this.#host?.trackLine(line);
  }

  /** @param {unknown} user */
  setUser(user) {
    this.#host?.setUser(user);
  }

  /** @param {unknown} context */
  setContext(context) {
    this.#host?.setContext(context);
  }

  /** @param {{ timeout?: number }} [how] */
  async flush(how) {
    return (await this.#host?.flush(how)) ?? { delivered: 0, held: 0, dropped: 0 };
  }

  stats() {
    return this.#host?.stats();
  }

  dispose() {
    this.#host?.dispose();
    return void this.#core;
  }
}
