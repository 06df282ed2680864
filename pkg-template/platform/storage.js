import { attempt, utf8 } from '../serialize.js';

/** A key of a stream, of any scope: its id, and the number of a batch's first event, or `s` for the stream line. */
export const KEY = /^bcn1:\w+:([\w-]{22}):(?:(\d+)|s)$/;

/** By what part of the limit a tab grows before the bytes are counted anew: so far over it each tab of an origin may come, at most. */
const COUNT_PART = 16;

/** How soon a page that is refused by the limit looks again whether others have erased, in ms: to count reads all of it. */
const RECOUNT_MS = 1_000;

/**
 * localStorage: any call may throw, for it is full, or blocked by the user.
 * @param {Storage | undefined} storage
 * @param {number} limit bytes of batches in the whole origin: of all tabs and clients together
 */
export function openStore(storage, limit) {
  /** @type {Map<string, number>} bytes of the batches that this page has written: it alone knows them without reading */
  let own = new Map();
  let used = 0;
  let grown = 0; // since they were counted, less what was erased since
  let fresh = 0; // until then no refusal counts anew
  let changed = (/** @type {string} */ _key) => {};

  const keys = () => attempt(() => Object.getOwnPropertyNames(storage ?? {})) ?? []; // `Object.keys` would look at each value
  const read = (/** @type {string} */ key) => attempt(() => storage?.getItem(key)) ?? '';

  /** True where the value is stored. */
  const write = (/** @type {string} */ key, /** @type {string} */ value) =>
    attempt(() => storage && (storage.setItem(key, value), changed(key), true));

  /** Others write and erase too. Gives the keys of all streams. */
  function count() {
    const written = own;
    own = new Map(); // what is still there
    used = grown = 0;
    fresh = performance.now() + RECOUNT_MS;
    return keys().filter((key) => {
      const bytes = written.get(key);
      const [isOurs, , first] = bytes ? [key] : (KEY.exec(key) ?? []);
      if (bytes) own.set(key, bytes);
      used += bytes ?? (first ? utf8(read(key)) : 0);
      return isOurs;
    });
  }

  return {
    keys,
    read,
    write,
    count,
    used: () => used,

    /**
     * Whether a batch is stored: within the limit.
     * @param {string} key
     * @param {string} value
     * @param {number} bytes
     * @param {number} [there] bytes that the key has now
     */
    put(key, value, bytes, there = own.get(key) ?? 0) {
      const more = bytes - there;
      if (grown + more > limit / COUNT_PART || (used + more > limit && performance.now() > fresh)) count();
      if (used + more > limit || !write(key, value)) return false;
      own.set(key, bytes);
      used += more;
      grown += more;
      return true;
    },

    /**
     * What cannot be removed now is removed by who finds it later.
     * @param {string} key
     * @param {number} [bytes] of a batch that another page, or the facade, has written
     */
    erase(key, bytes = 0) {
      bytes = own.get(key) ?? bytes;
      own.delete(key);
      used -= bytes;
      grown = Math.max(grown - bytes, 0); // below, others may have filled what is free
      attempt(() => storage?.removeItem(key));
      changed(key);
    },

    /** @param {(key: string) => void} tell of each key that is written or erased from now on */
    watch: (tell) => void (changed = tell),
  };
}
