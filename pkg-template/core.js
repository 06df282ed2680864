/**
 * The core: all that the WebAssembly exports, functions of numbers that call nobody. `src/core.rs` has what they do.
 * @typedef {object} Core
 * @property {(bytes: number, priority: number) => number} track
 * @property {(word: number) => void} push
 * @property {(now: number) => number} tell
 * @property {() => number} poll
 * @property {(at: number) => number} word
 */

/** @type {Promise<WebAssembly.Module> | undefined} */
let compiled;

/**
 * Fetches and compiles the module, once a page. What has failed is tried again when asked.
 * @param {string | URL} [url]
 */
export function compile(url = new URL('./wasm/beaconry_bg.wasm', import.meta.url)) {
  // From a function of this file: a policy that refuses it then names the file.
  compiled ??= fetch(url).then((response) => response.arrayBuffer()).then((bytes) => WebAssembly.compile(bytes));
  compiled.catch(() => (compiled = undefined));
  return compiled;
}

/**
 * A core of its own for each client: one that traps takes no other with it.
 * @param {WebAssembly.Module} module
 * @returns {Core}
 */
export const createCore = (module) => /** @type {any} */ (new WebAssembly.Instance(module).exports);
