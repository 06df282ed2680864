import { attempt } from '../serialize.js';
import { KEY } from './storage.js';

/** How long a change waits for others, in ms: few transactions, and on the disk within a second. */
const WAIT_MS = 400;

/** Records of a stream, of which the later ones may repeat what the earlier have; then one takes the place of all. */
const RECORDS = 64;

export const STORE = 'bodies';

/** In localStorage, by which the facade knows that there is something to delete. */
export const markOf = (/** @type {string} */ prefix) => `${prefix}mirror`;

/** All records of a stream: an array sorts behind every number (Indexed DB, 2.4). */
export const allOf = (/** @type {string} */ id) => IDBKeyRange.bound([id], [id, []]);

/**
 * A copy in IndexedDB of what localStorage has of a page's streams. localStorage reaches the disk seconds late, and a browser
 * that is killed loses them; a transaction that is complete is there.
 *
 * A record has what was written since the last, as on the wire: the stream line and batches. That takes the main thread a third of
 * what a record for each does. What cannot be, is not: the page has its localStorage.
 * @param {string} prefix of every key of the scope, and the database's name
 * @param {Storage} storage
 * @param {() => string} own the stream that the page writes
 * @param {(ids: string[]) => void} found the streams that there are, other pages' too
 */
export function openMirror(prefix, storage, own, found) {
  /** @type {IDBDatabase | undefined} */
  let db;
  /** @type {Map<string, number>} how many records there are of the streams that are kept as the storage has them */
  const counts = new Map();
  /** @type {Set<string>} the keys that have changed since */
  const changed = new Set();
  let timer = 0;
  let isOver = false;

  /** @type {Promise<IDBDatabase>} */
  const opened = new Promise((resolve, reject) => {
    const request = indexedDB.open(prefix);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onerror = (event) => reject(fail(event));
    request.onsuccess = () => {
      db = request.result;
      db.onversionchange = db.onclose = fail; // who switches telemetry off deletes it
      attempt(() => storage.getItem(markOf(prefix)) || storage.setItem(markOf(prefix), '1'));
      const keys = db.transaction(STORE).objectStore(STORE).getAllKeys();
      keys.onsuccess = () => found(/** @type {string[][]} */ (keys.result).map(([id]) => id));
      flush();
      resolve(db);
    };
  });
  opened.catch(fail);

  /** This page goes on without. @param {Event} [event] */
  function fail(event) {
    event?.preventDefault?.(); // Firefox would tell the page
    isOver = true;
    attempt(() => db?.close());
    db = undefined;
  }

  /** Copies what has changed, in one transaction. */
  function flush() {
    clearTimeout(timer);
    timer = 0;
    if (!db) return;
    const keys = [...changed];
    changed.clear();
    try {
      if (keys[0]) {
        const transaction = db.transaction(STORE, 'readwrite', { durability: 'relaxed' });
        transaction.onabort = transaction.onerror = fail;
        const records = transaction.objectStore(STORE);
        for (const id of new Set(keys.map((key) => KEY.exec(key)?.[1]))) copy(records, `${id}`, keys);
        transaction.commit();
      }
      if (isOver) db.close(); // once that is done
    } catch {
      fail();
    }
  }

  /**
   * @param {IDBObjectStore} records
   * @param {string} id
   * @param {string[]} changed keys, of any stream
   */
  function copy(records, id, changed) {
    if (id !== own() && !counts.has(id)) return; // what another wrote is kept as it is
    const isIts = (/** @type {string} */ key) => key.startsWith(prefix + id) && KEY.test(key);
    const all = Object.keys(storage).filter(isIts);
    let keys = changed.filter(isIts).concat(`${prefix}${id}:s`);
    let count = counts.get(id) ?? 0;
    // Nothing but the line is left: what was erased goes.
    if (all.length < 2 || !(count % RECORDS)) {
      records.delete(allOf(id));
      keys = all;
      count = 0;
    }
    let text = '';
    for (const key of new Set(keys)) {
      const value = storage.getItem(key) ?? '';
      text += !value || value.endsWith('\n') ? value : `${value}\n`;
    }
    if (text) records.put(text, [id, count++]);
    counts.set(id, count);
  }

  /** @param {string} key whose value is another, or gone */
  function note(key) {
    if (isOver) return;
    changed.add(key);
    timer ||= +setTimeout(flush, WAIT_MS);
  }

  return {
    note,
    flush,

    opened,

    /**
     * From the next change on there is of the stream what the storage has.
     * @param {string} id
     */
    follow(id) {
      counts.set(id, 0);
    },

    /** Writes what is left. */
    close() {
      isOver = true;
      flush();
    },
  };
}
