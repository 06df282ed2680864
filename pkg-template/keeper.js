import { LOOK_EVERY_MS } from './constants.js';
import * as to from './messages.js';
import { markOf, openMirror } from './platform/mirror.js';
import { alarm } from './platform/timer.js';
import { attempt } from './serialize.js';
import { lock } from './writer.js';

/**
 * Which streams are this page's: holds their locks, finds those that pages have left which are gone, and gives back; and keeps
 * the second copy.
 *
 * @typedef {import('./streams.js').Stream} Stream
 *
 * @param {import('./driver.js').Client} client
 * @param {ReturnType<typeof import('./platform/storage.js').openStore>} store
 * @param {Map<number, Stream>} streams by the core's keys
 * @param {object} driver
 * @param {() => Stream} driver.own
 * @param {(...message: number[]) => number} driver.tell
 * @param {(stream: Stream) => void} driver.tellDropped
 * @param {(act: () => void) => void} driver.when
 * @param {() => void} driver.drain
 * @param {() => void} driver.lost the own stream has been taken
 * @param {() => boolean | undefined} driver.isOver
 * @param {() => void} driver.forgive the last trap
 */
export function createKeeper({ options, prefix, storage }, store, streams, driver) {
  const { own, tell, isOver } = driver;
  const lookIn = alarm(look);
  /** @type {Set<string>} streams of which only the mirror may know */
  const mirrored = new Set();
  const mirror = storage && options.mirror !== false ? openMirror(prefix, storage, () => own().id, find) : undefined;
  /** @type {Promise<() => void> | undefined} looks for dead streams */
  let adoption;
  /** @type {Promise<ReturnType<typeof import('./platform/lease.js').createLeases>> | undefined} */
  let leases;

  /** Where there are no Web Locks. What could not be loaded is asked for again. */
  function leasing() {
    leases ??= import('./platform/lease.js').then(({ createLeases }) => createLeases(/** @type {Storage} */ (storage)));
    leases.catch(() => (leases = undefined));
    return leases;
  }

  /** For what pages have left that are gone. */
  function look() {
    if (!storage || isOver()) return;
    lookIn(LOOK_EVERY_MS);
    if (!store.count().some((key) => !key.includes(own().id)) && !mirrored.size) return;
    adoption ??= import('./adoption.js').then(({ createAdoption }) =>
      createAdoption({ ...driver, options, prefix, store, streams, mirror, mirrored, lookIn, leases: navigator.locks ? undefined : leasing }));
    adoption.then((adopt) => adopt()).catch(() => (adoption = undefined));
  }

  /** In the mirror. @param {string[]} ids */
  function find(ids) {
    for (const id of ids) if (id !== own().id) mirrored.add(id);
    if (mirrored.size) look();
  }

  /** What was adopted stays stored, for whoever adopts it next. @param {Stream} stream */
  function giveBack(stream) {
    tell(to.RELEASE, stream.key);
    stream.isAdopted = false;
    stream.unlock();
  }

  return {
    look,
    lookIn,

    /** Of a stream that this page begins. @param {Stream} stream */
    hold(stream) {
      if (navigator.locks) stream.unlock = lock(prefix + stream.id);
      else if (storage) {
        leasing()
          .then(({ hold }) => own() === stream && !isOver() && Object.assign(stream, hold(prefix + stream.id)))
          .catch(() => {});
      }
    },

    /** Before anything is written or sent: a page that was asleep for minutes may have lost what it held. */
    check() {
      for (const stream of streams.values()) {
        if (!stream.isLost?.()) continue;
        stream.isLost = undefined;
        if (stream === own()) driver.lost();
        else if (stream.isAdopted) giveBack(stream);
      }
    },

    giveBack() {
      for (const stream of streams.values()) if (stream.isAdopted) giveBack(stream);
    },

    /** From now on the mirror follows. */
    start() {
      if (!mirror) return attempt(() => storage?.getItem(markOf(prefix)) && (indexedDB.deleteDatabase(prefix), storage.removeItem(markOf(prefix))));
      store.watch(mirror.note);
      mirror.note(`${prefix}${own().id}:s`);
    },

    /** The page may end, or its timers be late. */
    settle: () => mirror?.flush(),

    stop() {
      lookIn(to.NEVER);
      mirror?.close();
    },
  };
}
