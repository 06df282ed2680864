// The packed package with its real WebAssembly, in Node: `cargo xtask test packed`. Only the browser and the network are played.
import { readFileSync } from 'node:fs';
import { parseBody } from '../support.js';

const dir = process.env.BEACONRY_PACKAGE;
if (!dir) throw new Error('no BEACONRY_PACKAGE: `cargo xtask test packed` sets it');

/** A module of the package. */
export const load = (/** @type {string} */ name) => import(`${dir}/${name}`);

/** The network: the package's own files, and a collector that stores what it is sent, until it is told otherwise. */
export function openNetwork() {
  const network = {
    requests: [],
    files: 0,
    /** Before a file of the package is served. */
    serve: async () => {},
    /** @type {(body: string) => Response | Promise<Response>} */
    answer: (body) => {
      const stored = parseBody(body).filter((it) => it.n).map(({ batch, n }) => [batch, batch + n]);
      return new Response(JSON.stringify({ stored, rejected: [] }));
    },
  };
  globalThis.fetch = async (url, init) => {
    if (!init) {
      network.files++;
      await network.serve();
      return new Response(readFileSync(new URL(url)));
    }
    network.requests.push({ url, body: init.body });
    return network.answer(init.body);
  };
  return network;
}

const { Instance } = WebAssembly;

/** Lets cores trap: `inside(name, args)` runs before each call of an export. Counts the instances. */
export function watchCores(inside = (/** @type {string} */ _name, /** @type {number[]} */ ..._args) => {}) {
  const watch = { made: 0, inside };
  WebAssembly.Instance = /** @type {any} */ (
    class {
      constructor(module) {
        watch.made++;
        const { exports } = new Instance(module);
        this.exports = Object.fromEntries(
          Object.entries(exports).map(([name, call]) => [name, typeof call === 'function' ? (...args) => (watch.inside(name, ...args), call(...args)) : call]),
        );
      }
    }
  );
  return watch;
}

export const trap = () => {
  throw new WebAssembly.RuntimeError('unreachable');
};

export function closeCores() {
  WebAssembly.Instance = Instance;
}

/** Lets timers, imports and promises run until `done`. */
export async function until(done, what = `${done}`) {
  const end = Date.now() + 20_000;
  while (!done()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The events of a stream that the network has seen, by number. */
export function sentEvents(requests, stream) {
  const events = new Map();
  for (const { body } of requests) {
    let next = 0;
    let isIts = false;
    for (const line of parseBody(body)) {
      if (line.stream) isIts = line.stream === stream;
      else if (line.n) next = line.batch;
      else if (isIts) events.set(next++, line);
    }
  }
  return events;
}
