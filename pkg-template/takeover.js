// Loaded when the page is idle, with the wasm: none of this is parsed before the page paints.
import { compile, createCore } from './core.js';
import { createDriver } from './driver.js';

/**
 * Makes the core continue the writer's stream: the driver goes on with the writer's very batches. The handover is one task.
 *
 * It rejects where there is no wasm (blocked by a policy, not served): then the writer is as it was, with a drain behind it.
 * @param {Pick<import('./driver.js').Client, 'options' | 'prefix' | 'storage' | 'members'>} client
 * @param {ReturnType<typeof import('./writer.js').createWriter>} writer
 * @param {(made: import('./engine.js').Client) => void} install
 * @param {() => typeof writer | undefined} revert there is no core any more; gives who writes on
 */
export async function takeOver(client, writer, install, revert) {
  const degrade = (/** @type {ReturnType<typeof revert>} */ to) => import('./drain.js').then(({ drain }) => drain(client, to, install));
  /** @type {WebAssembly.Module} */
  let module;
  /** @type {import('./core.js').Core} */
  let core;
  try {
    module = await compile(client.options.wasmUrl);
    core = createCore(module);
  } catch (error) {
    await degrade(writer);
    throw error;
  }
  let stream;
  // Between pagehide and pageshow there is no stream; after dispose there is none ever again.
  while (!(stream = writer.handover())) await new Promise((resolve) => addEventListener('pageshow', resolve, writer.listeners));
  writer.listeners.abort();
  writer.dispose(); // the stream that it would go on with
  const failed = () => {
    const next = revert();
    degrade(next).catch(() => {}); // the next visit delivers
    return next;
  };
  const driver = createDriver({ ...client, stream, failed, createCore: () => createCore(module) });
  install(driver);
  driver.start(core);
  for (const entry of stream.entries.splice(0)) driver.track(entry);
}
