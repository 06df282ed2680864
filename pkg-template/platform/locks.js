/**
 * Asks for a Web Lock only if it is free: then gives the function that gives it back. Plain http has none.
 * @param {string} name
 * @returns {Promise<(() => void) | undefined>}
 */
export const takeLock = (name) =>
  new Promise((resolve) => {
    const hold = (/** @type {Lock | null} */ granted) =>
      granted ? new Promise((release) => resolve(() => release(0))) : resolve(undefined);
    // Refused in a sandboxed frame.
    navigator.locks?.request(name, { ifAvailable: true }, hold).catch(() => resolve(undefined));
  });
