import { attempt, utf8 } from '../serialize.js';

/** A key of a stream, of any scope. */
const KEY = /^bcn1:\w{8}:([\w-]{22}):/;

/**
 * localStorage: any call may throw, for it is full, or blocked by the user.
 * @param {string} prefix of every key of the scope: `bcn1:<scope>:`
 * @param {Storage | undefined} store
 */
export function storage(prefix, store) {
  const keys = () => attempt(() => Object.keys(store ?? {})) ?? [];

  /**
   * @param {string} stream
   * @param {number} [first] of a batch; without it the stream line
   */
  const keyOf = (stream, first) => `${prefix}${stream}:${first ?? 's'}`;

  /**
   * A value; empty where there is none.
   * @param {string} stream
   * @param {number} [first]
   */
  const read = (stream, first) => attempt(() => store?.getItem(keyOf(stream, first))) ?? '';

  /**
   * How many events a stored batch has, if its head can be read.
   * @param {string} value
   * @param {number} first
   */
  const headOf = (value, first) => {
    const { batch, n } = attempt(() => JSON.parse(value.split('\n', 1)[0])) ?? {};
    if (batch === first && n > 0) return n;
  };

  return {
    read,

    /**
     * Whether the value is stored.
     * @param {string} value
     * @param {string} stream
     * @param {number} [first]
     */
    write: (value, stream, first) => !!attempt(() => store && (store.setItem(keyOf(stream, first), value), true)),

    /**
     * Erases the stream line, or a batch that ends at `end` or before: its bytes then, else a negative number. What cannot be
     * removed now is removed by who finds it later.
     * @param {string} stream
     * @param {number} [first]
     * @param {number} [end]
     */
    erase(stream, first, end = Infinity) {
      const value = read(stream, first);
      if (first !== undefined && first + (headOf(value, first) ?? 0) > end) return -1;
      attempt(() => store?.removeItem(keyOf(stream, first)));
      return utf8(value);
    },

    /** The streams that have something stored, each once: `+` for this scope or `-` for another, and its id. */
    streams() {
      const found = keys().map((key) => {
        const stream = KEY.exec(key)?.[1];
        return stream ? (key.startsWith(prefix) ? '+' : '-') + stream : '';
      });
      return [...new Set(found)].join('');
    },

    /** The bytes of all streams of this scope but one. */
    bytesOfOthers: (/** @type {string} */ own) =>
      keys().reduce((sum, key) => {
        const stream = key.startsWith(prefix) && KEY.exec(key)?.[1];
        return stream && stream !== own ? sum + utf8(store?.[key] ?? '') : sum;
      }, 0),

    /** Deletes a stream, of any scope. */
    forget(/** @type {string} */ stream) {
      for (const key of keys()) if (KEY.exec(key)?.[1] === stream) attempt(() => store?.removeItem(key));
    },

    /** The stored batches of a stream, two numbers each: the first event's, and how many; 0 where that cannot be read. */
    batches: (/** @type {string} */ stream) =>
      keys().flatMap((key) => {
        const [, first] = key.split(`${prefix}${stream}:`);
        if (!/^\d+$/.test(first)) return [];
        return [+first, headOf(read(stream, +first), +first) ?? 0];
      }),
  };
}
