// Loaded when the page is idle, with the wasm: none of this is parsed before the page paints.
import { compile, createCore } from './core.js';
import { createDriver } from './driver.js';

/**
 * Makes the core continue the writer's stream: the driver goes on with the writer's very batches. The handover is one task.
 *
 * It rejects where there is no wasm (blocked by a policy, not served): then the writer is as it was.
 * @param {Pick<import('./driver.js').Client, 'options' | 'prefix' | 'storage' | 'members'>} client
 * @param {ReturnType<typeof import('./writer.js').createWriter>} writer
 * @param {(type: string, act: () => void) => void} on registers a listener until the facade lets go
 * @param {(driver: import('./driver.js').Driver) => void} install
 * @param {import('./driver.js').Client['failed']} failed
 */
export async function takeOver(client, writer, on, install, failed) {
  const module = await compile(client.options.wasmUrl);
  const core = createCore(module);
  let stream = writer.handover();
  while (!stream) {
    // Between pagehide and pageshow there is no stream; after dispose there is none ever again.
    await new Promise((resolve) => on('pageshow', () => resolve(0)));
    stream = writer.handover();
  }
  const driver = createDriver({ ...client, stream, failed, createCore: () => createCore(module) });
  install(driver);
  driver.start(core);
  for (const line of stream.lines) driver.track(line);
}
