// Loaded when the page is idle, with the wasm: none of this is parsed before the page paints.
// @ts-ignore: made by the build
import init, { TelemetryClient } from './wasm/beaconry.js';

/**
 * The wasm client as the facade uses it. Once a call into it has thrown, it is dead: the writer goes on under a new stream,
 * so that no number is used twice, and what the client has stored is delivered by whoever adopts it.
 *
 * @typedef {object} Client what is exported as `TelemetryClient`
 * @property {(line: string, high: boolean) => void} trackLine
 * @property {(user: string | null) => void} setUser
 * @property {(context: object | null) => void} setContext
 * @property {(options: { timeout: number }) => Promise<import('./index.js').FlushResult>} flush
 * @property {() => Omit<import('./index.js').Stats, 'mode'>} stats
 * @property {() => void} dispose
 *
 * @typedef {object} Sink
 * @property {(line: string, high: boolean) => boolean} track whether the line was taken
 * @property {(members: { user?: string, context?: object }) => void} share
 * @property {(timeout: number) => Promise<import('./index.js').FlushResult | undefined> | undefined} flush
 * @property {() => Omit<import('./index.js').Stats, 'mode'> | undefined} stats
 * @property {() => void} dispose
 */

/** How much later than asked a client may answer a flush, in ms: a busy page's timers are late. */
const GRACE_MS = 500;

/**
 * Makes the wasm client continue the writer's stream. The handover is one task.
 *
 * It rejects where there is no wasm (blocked by a policy, not served), and reverts where that traps at once: then the writer
 * is as it was.
 * @param {import('./index.js').TelemetryOptions} options
 * @param {ReturnType<typeof import('./writer.js').createWriter>} writer
 * @param {Storage | undefined} storage
 * @param {(target: EventTarget, type: string, act: () => void) => void} on registers a listener until the facade lets go
 * @param {(sink: Sink) => void} install
 * @param {() => void} revert
 */
export async function takeOver(options, writer, storage, on, install, revert) {
  await init({ module_or_path: options.wasmUrl });
  let handed = writer.handover();
  while (!handed) {
    // Between pagehide and pageshow there is no stream; after dispose there is none ever again.
    await new Promise((resolve) => on(window, 'pageshow', () => resolve(0)));
    handed = writer.handover();
  }
  const { unlock } = handed;
  /** @type {Client} */
  let client;
  try {
    client = new TelemetryClient(options, { ...handed, session: options.session });
  } catch {
    return revert(); // for good: what has trapped once is not asked again
  }

  let alive = true;
  /**
   * @template T
   * @param {(client: Client) => T} call
   */
  function ask(call) {
    try {
      if (alive) return call(client);
    } catch {
      alive = false;
      unlock();
      revert();
      try {
        client.dispose();
      } catch {}
    }
  }
  /**
   * Whether the client had written a line before it failed.
   * @param {string} line
   */
  const isStored = (line) => Object.values(storage ?? {}).some((value) => value.includes(line));

  install({
    track: (line, high) => ask((to) => (to.trackLine(line, high), true)) ?? isStored(line),
    share({ user = null, context = null }) {
      ask((to) => {
        to.setUser(user);
        to.setContext(context);
      });
    },
    flush(timeout) {
      const answer = ask((from) => from.flush({ timeout: Math.max(timeout, 0) }));
      // A client that fails meanwhile answers nothing.
      return answer && Promise.race([answer, new Promise((resolve) => setTimeout(resolve, timeout + GRACE_MS))]);
    },
    stats: () => ask((from) => from.stats()),
    dispose: () => ask((to) => to.dispose()),
  });
}
