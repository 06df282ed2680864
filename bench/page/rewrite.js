// What many apps write themselves: a class that keeps its whole queue in one localStorage value, and sends it by fifty.
const KEY = 'bench-queue';
const BATCH = 50;

/** @param {{ sink: string }} run */
export async function start({ sink }) {
  /** @type {object[]} */
  let queue = [];
  /** @type {Promise<void> | undefined} */
  let sending;
  const save = () => localStorage.setItem(KEY, JSON.stringify(queue));
  const send = async () => {
    const batch = queue.slice(0, BATCH);
    const answer = await fetch(sink, { method: 'POST', body: JSON.stringify(batch) });
    if (answer.ok) queue = queue.slice(batch.length);
    save();
    sending = undefined;
  };
  return {
    track(/** @type {Record<string, unknown>} */ attributes) {
      queue.push({ type: 'event', ts: Date.now(), data: { name: 'checkout', ...attributes } });
      save();
      if (queue.length >= BATCH) sending ??= send();
    },
    async flush() {
      while (queue.length) await (sending ??= send());
    },
  };
}
