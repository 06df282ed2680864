// Loaded where there are no Web Locks: plain http, old browsers. Who writes a stream says so beside it, for three minutes at a time.
import { NEVER } from '../messages.js';
import { attempt } from '../serialize.js';
import { birthOf } from '../streams.js';
import { alarm } from './timer.js';

/** How long a lease holds, in ms. Three times the minute after which a hidden page's timers may ring. */
const LEASE_MS = 180_000;

/** How often it is renewed, in ms. */
const RENEW_MS = 60_000;

/** How long another's write may take to be seen here, in ms; some milliseconds in an idle browser. */
const SEEN_MS = 250;

/**
 * @typedef {object} Lease
 * @property {string} key
 * @property {string} value what was written last; nothing where the storage was full
 *
 * @param {Storage} storage
 */
export function createLeases(storage) {
  /** @type {Set<Lease>} */
  const held = new Set();
  const renewal = alarm(renew);

  const read = (/** @type {string} */ key) => attempt(() => storage.getItem(key));

  /** Another has taken it, or somebody erased it: what is stored is not this page's any more. @param {Lease} lease */
  const isLost = ({ key, value }) => (read(key) ?? '') !== value;

  function renew() {
    for (const lease of held) if (!isLost(lease)) write(lease);
    renewal(held.size ? RENEW_MS : NEVER);
  }

  /** No two values are equal. @param {Lease} lease */
  function write(lease) {
    const value = `${Date.now() + LEASE_MS} ${Math.random()}`;
    if (attempt(() => (storage.setItem(lease.key, value), true))) lease.value = value;
  }

  /** @param {string} name prefix and id */
  function begin(name) {
    const lease = { key: `${name}:l`, value: '' };
    held.add(lease);
    write(lease);
    renewal(RENEW_MS, true);
    return {
      isLost: () => held.has(lease) && isLost(lease),
      unlock() {
        if (held.delete(lease) && !isLost(lease)) giveBack(name);
        if (!held.size) renewal(NEVER);
      },
    };
  }

  /** Says that the stream is free at once; where nothing of it is left, there is nothing to say. @param {string} name */
  function giveBack(name) {
    const key = `${name}:l`;
    attempt(() => {
      const isEmpty = !Object.keys(storage).some((other) => other !== key && other.startsWith(`${name}:`));
      if (isEmpty) storage.removeItem(key);
      else storage.setItem(key, '0');
    });
  }

  return {
    /**
     * A stream that this page has begun, if nobody has taken it since.
     * @param {string} name prefix and id
     */
    hold: (name) => (read(`${name}:l`) ? { isLost: () => true, unlock() {} } : begin(name)),

    /**
     * Takes a stream that nobody holds. A page that has not come to its lease yet is taken to have one from the stream's birth.
     * @param {string} name prefix and id
     */
    async take(name) {
      const until = parseFloat(read(`${name}:l`) ?? `${birthOf(name.slice(-22)) + LEASE_MS}`);
      const left = until - Date.now();
      if (left > 0 && left <= LEASE_MS) return; // one that ends later was written by a wrong clock
      const lease = begin(name);
      await new Promise((resolve) => setTimeout(resolve, SEEN_MS));
      // Of two that took it at once, the last has it.
      if (!lease.isLost()) return lease;
      lease.unlock();
    },
  };
}
