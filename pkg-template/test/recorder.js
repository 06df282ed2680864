import { callEntry } from '../serialize.js';

/** What the modules see of a client: it keeps events in the form in which they are stored, or drops them and tells. */
export function recorder({ mode = 'wasm', onDrop = undefined } = {}) {
  const events = [];
  let dropped = 0;
  const telemetry = {
    events,
    stats: () => ({ mode, dropped: dropped ? { storage: dropped } : {} }),
  };
  for (const type of ['log', 'error', 'metric', 'event', 'vital']) {
    telemetry[type] = (...args) => {
      events.push({ ...JSON.parse(callEntry(type, ...args).line), ts: 0 });
      if (!onDrop) return;
      dropped++;
      setTimeout(() => onDrop('storage', 1));
    };
  }
  return telemetry;
}

/** Waits until nothing is due any more: no timer is longer than this takes. */
export async function settled(turns = 200) {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve));
}
