/**
 * Puts a function around a method until the returned function is called. Then the original is back, unless another has put
 * something over ours meanwhile: that stays, and ours, below it, only passes on. A method that cannot be replaced is left alone.
 * @param {any} object
 * @param {string} name of a method; a missing one is left alone
 * @param {(original: (...args: any[]) => any, self: any, args: any[], patched: Function) => any} around
 */
export function patch(object, name, around) {
  const original = object[name];
  if (typeof original !== 'function') return () => {};
  let isOn = true;
  /** @this {any} */
  function patched(/** @type {any[]} */ ...args) {
    return isOn ? around(original, this, args, patched) : original.apply(this, args);
  }
  attempt(() => (object[name] = patched));
  return () => {
    isOn = false;
    if (object[name] === patched) attempt(() => (object[name] = original));
  };
}

/**
 * What `call` gives; nothing where it throws. What watches an app must not break it.
 * @template T
 * @param {() => T} call
 */
export function attempt(call) {
  try {
    return call();
  } catch {}
}
