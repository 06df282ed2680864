/** @typedef {() => unknown} Step */

/** @type {WeakMap<import('node:test').TestContext, Step[]>} */
const steps = new WeakMap();

/**
 * What is to be done when a test ends, the last first, as what was built last stands on what was built before. The runner's own
 * `after` goes the other way, and stops at the first that fails: a server would live on.
 * @param {import('node:test').TestContext} t
 * @param {Step} step
 */
export function cleanUp(t, step) {
  const known = steps.get(t);
  if (known) return void known.push(step);
  const own = [step];
  steps.set(t, own);
  t.after(async () => {
    const failed = [];
    for (const last of own.reverse()) {
      try {
        await last();
      } catch (error) {
        failed.push(error);
      }
    }
    if (failed.length > 0) throw new AggregateError(failed, String(failed[0]));
  });
}
