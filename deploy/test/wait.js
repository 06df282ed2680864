/** Waiting for a condition, with a deadline. */

/** Loki takes half a minute to be ready on a busy machine. */
const LIMIT_MS = 120_000;
const PAUSE_MS = 100;

/**
 * Asks until there is an answer.
 * @template T
 * @param {string} what
 * @param {() => Promise<T | undefined | false>} ask
 * @returns {Promise<T>}
 */
export async function until(what, ask) {
  const start = Date.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() - start > LIMIT_MS) throw new Error(`waited ${LIMIT_MS / 1000} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Whether an address answers with success. @param {string} url */
export const answers = (url) =>
  fetch(url).then(
    (response) => response.ok,
    () => false,
  );
