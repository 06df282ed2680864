import { attempt, utf8 } from '../serialize.js';

/** A key of a stream, of any scope: its id, and the number of a batch's first event or `s` for the stream line. */
export const KEY = /^bcn1:\w+:([\w-]{22}):(\d*)/;

/**
 * localStorage: any call may throw, for it is full, or blocked by the user.
 * @param {string} prefix of every key of the scope: `bcn1:<scope>:`
 * @param {Storage | undefined} storage
 * @param {number} limit bytes of the scope's batches
 */
export function openStore(prefix, storage, limit) {
  let used = 0;
  const keys = () => attempt(() => Object.keys(storage ?? {})) ?? [];
  const read = (/** @type {string} */ key) => attempt(() => storage?.getItem(key)) ?? '';

  /** Whether the value is stored. */
  const write = (/** @type {string} */ key, /** @type {string} */ value) =>
    !!attempt(() => storage && (storage.setItem(key, value), true));

  return {
    keys,
    read,
    write,
    used: () => used,

    /**
     * Whether a batch is stored: within the limit.
     * @param {string} key
     * @param {string} value
     * @param {number} more bytes than the key has now
     */
    put(key, value, more) {
      const isStored = used + more <= limit && write(key, value);
      if (isStored) used += more;
      return isStored;
    },

    /**
     * What cannot be removed now is removed by who finds it later.
     * @param {string} key
     * @param {number} [bytes] of a batch
     */
    erase(key, bytes = 0) {
      used -= bytes;
      attempt(() => storage?.removeItem(key));
    },

    /**
     * Looks at everything: counts the bytes of the scope's batches anew. Whether there are other streams than this, of any scope.
     * @param {string} own
     */
    hasOthers(own) {
      used = 0;
      return keys().filter((key) => {
        const [, stream, first] = KEY.exec(key) ?? [];
        if (first && key.startsWith(prefix)) used += utf8(read(key));
        return stream && stream !== own;
      })[0];
    },
  };
}
