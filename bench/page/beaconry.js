// Beaconry as its README sets it up, from the packed npm tarball.
import { createTelemetry } from '/beaconry/index.js';

/** Longer than any start of the wasm takes on a busy machine. */
const START_MS = 60_000;

/** @param {{ collector: string, key: string, app: string, persist?: boolean, limits?: object }} run */
export async function start({ collector, key, app, persist, limits }) {
  const telemetry = createTelemetry({ url: collector, key, app, flag: 'ENABLED', persist, limits });
  await loaded(telemetry);
  return {
    track: (/** @type {Record<string, unknown>} */ attributes) => telemetry.event('checkout', attributes),
    flush: async () => {
      const { held } = await telemetry.flush({ timeout: START_MS });
      const { mode, dropped } = telemetry.stats();
      const isWhole = mode === 'wasm' && !held && !Object.values(dropped).some(Boolean);
      if (!isWhole) throw new Error(`not all was delivered: ${JSON.stringify(telemetry.stats())}`);
    },
    stats: () => telemetry.stats(),
    dispose: () => telemetry.dispose(),
  };
}

/** What is measured is the page's life after its start: the wasm has taken over. */
async function loaded(/** @type {any} */ telemetry) {
  const end = performance.now() + START_MS;
  telemetry.flush({ timeout: 1 }); // asks for the wasm at once
  while (telemetry.stats().mode !== 'wasm') {
    if (performance.now() > end) throw new Error(`the wasm does not load: ${JSON.stringify(telemetry.stats())}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
