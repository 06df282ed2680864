// Loaded when the page is idle, with the wasm: none of this is parsed before the page paints.
// @ts-ignore: made by the build
import init, { TelemetryClient } from './wasm/beaconry.js';
import { isError } from './writer.js';

/**
 * The wasm client as the facade uses it: by its host, which is JavaScript. Once it has trapped, it is dead: the writer goes on
 * under a new stream, so that no number is used twice, and what the client has stored is delivered by whoever adopts it.
 *
 * @typedef {object} Sink
 * @property {(line: string, high: boolean) => boolean} track true: the line was taken
 * @property {(members: { user?: any, context?: any }) => void} share
 * @property {(timeout: number) => Promise<import('./index.js').FlushResult | undefined> | undefined} flush
 * @property {() => Omit<import('./index.js').Stats, 'mode'> | undefined} stats
 * @property {() => void} dispose
 */

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
 * @param {() => ReturnType<typeof import('./writer.js').createWriter> | undefined} revert
 */
export async function takeOver(options, writer, storage, on, install, revert) {
  await init({ module_or_path: options.wasmUrl });
  let handed = writer.handover();
  while (!handed) {
    // Between pagehide and pageshow there is no stream; after dispose there is none ever again.
    await new Promise((resolve) => on(window, 'pageshow', () => resolve(0)));
    handed = writer.handover();
  }
  /** @type {import('./platform/host.js').Handover & { session?: string, client?: unknown }} */
  const handover = {
    ...handed,
    session: options.session,
    failed(lines) {
      dead = true;
      // What the client had written before it failed has its number already.
      const stored = Object.values(storage ?? {});
      const next = revert();
      for (const line of lines) if (!stored.some((value) => value.includes(line))) next?.track(line, isError(line));
    },
  };
  let dead = false;
  // What a patched function of the page tracks while the client begins waits: the writer would give numbers a second time.
  const { track } = writer;
  /** @type {Parameters<typeof track>[]} */
  const meanwhile = [];
  writer.track = (...line) => void meanwhile.push(line);
  try {
    handover.client = new TelemetryClient(options, handover); // it lives as long as its host does
  } catch {
    dead = true;
  }
  writer.track = track;
  const { host } = handover;
  if (dead || !host) {
    revert(); // for good: what has trapped once is not asked again
    for (const line of meanwhile) track(...line);
    return;
  }
  install({
    track: (line) => (host.trackLine(line), true),
    share({ user = null, context = null }) {
      host.setUser(user);
      host.setContext(context);
    },
    flush: (timeout) => host.flush({ timeout: Math.max(timeout, 0) }),
    stats: host.stats,
    dispose: host.dispose,
  });
  for (const [line] of meanwhile) host.trackLine(line);
  // Kept: without it the client would be collected.
  Object.assign(host, { handover });
}
