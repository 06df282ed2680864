// Loaded where there are streams of other pages: whoever holds a stream's Web Lock delivers what is stored of it.
import { LOOK_AGAIN_MS } from './constants.js';
import { ADOPT, LOST, OFFER, REASONS } from './messages.js';
import { takeLock } from './platform/locks.js';
import { KEY } from './platform/storage.js';
import { bodiesOf, restore } from './restore.js';
import { attempt } from './serialize.js';
import { birthOf, createStream, keyIn, priorityOf, readBatch, textFrom } from './streams.js';

/** A stream is left alone until its page has had time to take its lock, in ms. */
export const MIN_AGE_MS = 10_000;

/** Streams of any scope older than this are deleted by whoever sees them: no collector knows them any more. */
const MAX_AGE_MS = 35 * 86_400_000;

/** Streams held at a time: one request goes out at a time, and what one tab has not taken another may. */
const MAX_ADOPTED = 8;

/** Whatever is kept of a stream, of any scope. */
const ANY_KEY = /^bcn1:\w+:([\w-]{22}):/;

/**
 * What is stored of the scope by others than `mine`, in the order of their births, and whether any is too young to be asked for;
 * deletes what is too old.
 * @param {ReturnType<typeof import('./platform/storage.js').openStore>} store
 * @param {string} prefix
 * @param {Set<string>} mine
 * @param {Set<string>} [mirrored] streams of which only the mirror may know
 * @param {{ follow(id: string): void }} [mirror]
 */
export function findDead(store, prefix, mine, mirrored = new Set(), mirror) {
  /** @type {Set<string>} */
  const dead = new Set();
  let hasYoung = false;
  for (const key of [...store.keys(), ...[...mirrored].map((id) => keyIn(prefix, { id }))]) {
    const id = ANY_KEY.exec(key)?.[1];
    if (!id || mine.has(id)) continue;
    const age = Date.now() - birthOf(id); // a birth in the future is some clock's error: old enough
    if (age > MAX_AGE_MS) {
      mirror?.follow(id);
      store.erase(key);
      mirrored.delete(id);
    } else if (!key.startsWith(prefix) || !KEY.test(key)) continue;
    else if (age < 0 || age > MIN_AGE_MS) dead.add(id);
    else hasYoung = true;
  }
  return { dead: [...dead].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)), hasYoung };
}

/**
 * A stream as its page has left it. Of one whose line is spoilt, the batches still say who they are.
 * @param {import('./index.js').TelemetryOptions} options
 * @param {string} id
 * @param {string} line
 * @param {() => void} unlock
 */
export function reopen(options, id, line, unlock) {
  const stream = createStream(options, { id, line, batches: [], unlock });
  const { stream: name, ...head } = attempt(() => JSON.parse(line)) ?? {};
  stream.head = { stream: id, v: 1, ...(name === id && head) };
  return stream;
}

/** In the order of their births. */
const rank = (/** @type {string} */ id) => `${birthOf(id)}`.padStart(15, '0') + id;

/**
 * @param {object} driver
 * @param {import('./index.js').TelemetryOptions} driver.options
 * @param {string} driver.prefix
 * @param {ReturnType<typeof import('./platform/storage.js').openStore>} driver.store
 * @param {Map<number, import('./streams.js').Stream>} driver.streams
 * @param {() => import('./streams.js').Stream} driver.own
 * @param {(...message: number[]) => number} driver.tell
 * @param {(stream: import('./streams.js').Stream) => void} driver.tellDropped
 * @param {(act: () => void) => void} driver.when
 * @param {() => void} driver.drain
 * @param {(ms: number) => void} driver.lookIn
 * @param {() => boolean | undefined} driver.isOver
 * @param {ReturnType<typeof import('./platform/mirror.js').openMirror>} [driver.mirror]
 * @param {Set<string>} driver.mirrored the streams of which only the mirror may know
 * @param {() => Promise<ReturnType<typeof import('./platform/lease.js').createLeases>>} [driver.leases] where there are no Web Locks
 * @param {() => void} driver.forgive the last trap, of which the cause is gone
 */
export function createAdoption(driver) {
  const { options, prefix, store, streams, own, tell, tellDropped, when, drain, lookIn, isOver, mirror, mirrored, leases, forgive } = driver;
  /** @type {Set<string>} the streams whose locks are asked for */
  const asked = new Set();
  let suspect = ''; // the key of the batch whose offer was the last to trap a core
  let round = ''; // the rank of the last that this round has asked for; none once it is through

  /** @param {string} id */
  async function ask(id) {
    asked.add(id);
    try {
      const lease = await (await leases?.())?.take(prefix + id);
      const unlock = leases ? lease?.unlock : await takeLock(prefix + id);
      if (!unlock) return;
      const bodies = await bodiesOf(id, mirror); // under the lock: nobody else erases meanwhile
      when(() => (isOver() ? unlock() : take(id, unlock, lease?.isLost, bodies)));
    } finally {
      asked.delete(id);
    }
  }

  /**
   * Everything that is stored of the stream is this page's.
   * @param {string} id
   * @param {() => void} unlock
   * @param {import('./streams.js').Stream['isLost']} isLost
   * @param {string[]} [bodies] that the mirror has, if it has said so
   */
  function take(id, unlock, isLost, bodies) {
    mirrored.delete(id);
    const { line, homeless } = restore(prefix, { id }, bodies ?? [], store);
    // What only the mirror has stays there.
    if (bodies && !homeless.size) mirror?.follow(id);
    const keys = store.keys().filter((key) => KEY.exec(key)?.[1] === id && key.startsWith(prefix));
    if (!keys[0] && !homeless.size) return unlock(); // another was faster
    // One that this page has left, and has some batches of which no storage had, keeps its key.
    const left = [...streams.values()].find((stream) => stream.id === id);
    const stream = left ?? reopen(options, id, line, unlock);
    const { key: its, born, batches } = Object.assign(stream, { line, unlock, isLost, isAdopted: true });
    streams.set(its, stream);
    tell(ADOPT, its, stream.next, Math.max(Date.now() - born, 0));
    tellDropped(stream);
    for (const key of keys) {
      const first = KEY.exec(key)?.[2];
      if (!first) continue;
      const batch = readBatch(store.read(key), +first);
      if (!batch) {
        store.erase(key);
        tell(LOST, its, REASONS.indexOf('storage'), +first, +first + 1);
        continue;
      }
      batch.text = undefined; // read again when it is sent
      if (!textFrom(batches.get(+first))) batches.set(+first, batch);
      tell(OFFER, its, +first, +first + batch.n, batch.bytes, 1, priorityOf(batch));
      if (isOver()) return accuse(stream, batch, key);
    }
    // What the storage has no room for stays in memory, as what a page tracks.
    for (const [first, text] of homeless) {
      const batch = readBatch(text, first);
      if (!batch) continue;
      batches.set(first, Object.assign(batch, { stored: false }));
      tell(OFFER, its, first, first + batch.n, batch.bytes, 0, priorityOf(batch));
    }
    drain();
  }

  /**
   * A core has trapped when it was offered this batch, in this very task: its lock is still held. One that traps two cores would
   * end every visit to come: it is counted, told with the stream's line, and only then erased.
   * @param {import('./streams.js').Stream} stream
   * @param {import('./streams.js').Batch} batch
   * @param {string} key
   */
  function accuse(stream, { first, n, bytes }, key) {
    if (suspect !== key) return (suspect = key);
    const dropped = attempt(() => JSON.parse(stream.line).dropped) ?? {};
    (dropped.poison ??= []).push([first, first + n]);
    const tracked = Math.max(stream.next, first + n);
    const tellIt = () => store.write(keyIn(prefix, stream), JSON.stringify({ holds: [], closed: true, ...stream.head, tracked, dropped }));
    const isTold = tellIt();
    store.erase(key, bytes);
    if (!isTold) tellIt(); // there is room now
    forgive();
    setTimeout(() => attempt(() => options.onDrop?.('poison', n)));
  }

  /** In rounds, oldest first, so that those of living tabs are passed and a dead one behind them has its turn. */
  return () => {
    if (isOver()) return;
    const adopted = [...streams.values()].filter(({ isAdopted }) => isAdopted).map(({ id }) => id);
    const mine = new Set([own().id, ...asked, ...adopted]);
    const { dead, hasYoung } = findDead(store, prefix, mine, mirrored, mirror);
    const rest = dead.filter((id) => rank(id) > round);
    const next = rest.slice(0, Math.max(MAX_ADOPTED + 1 - mine.size, 0));
    const hasMore = next.length > 0 && rest.length > next.length;
    if (hasMore) lookIn(LOOK_AGAIN_MS);
    else if (hasYoung) lookIn(MIN_AGE_MS); // the page before a quick reload: by then it is old enough
    round = hasMore ? rank(next[next.length - 1]) : '';
    for (const id of next) ask(id).catch(() => {});
  };
}
