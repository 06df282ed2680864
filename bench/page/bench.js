// Measures one subject in a real page. Each figure comes with its yardstick, measured in turn with it, so that a ratio
// holds when the machine's speed drifts; of both, what the harness itself takes is subtracted, measured in turn too.
// The page is cross-origin isolated: its clock ticks every 5 µs.

/** @typedef {{ track(attributes: object): void, flush(): Promise<void>, stats?(): unknown, dispose?(): void }} Subject */
/** @typedef {() => Promise<number>} Measure ms of one block */

/** Calls a task in the figures of bursts. */
const BURST = 100;
/** Blocks of which the median is taken, after those that only make the code hot. Few: pages differ more than the blocks of one. */
const BLOCKS = 20;
const WARM_UP = 10;
/** Bursts in a block: some ms, so that the clock's tick is far below a percent. */
const BURSTS = 10;
/** Lone events in a block: as many as a batch takes, so that the value that is written grows from nothing to 4 KB. */
const LONE = 30;
/** Serialisations of a burst that take about as long as all of a burst but its `setItem`s. */
const BUSY = 4;
/** Clients that each hold so many events, of which the median is taken. */
const HOLDERS = 24;

/** The event of every figure: five attributes, as an app would send. Made before the clock starts. */
const attributes = Array.from({ length: BURST }, (_, step) =>
  ({ step, route: '/cart/checkout', total: 129.9, currency: 'EUR', member: true }));

/** The same event as one object, for `JSON.stringify`. */
const events = attributes.map((data) => ({ type: 'event', ts: Date.now(), data: { name: 'checkout', ...data } }));

/** Values of 1 KB that differ: the same again may be no write at all. */
const kilobytes = events.map((_, i) => `${i}`.padEnd(1024, 'x'));

let lengths = 0; // of the strings that were made: nothing that is used is optimised away

const task = () => new Promise((resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); resolve(undefined); };
  port2.postMessage(0);
});

const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[values.length >> 1];

/** Milliseconds of `work` and of the microtasks that it queued. */
async function timed(/** @type {() => void} */ work) {
  await task();
  const start = performance.now();
  work();
  await null; // queued after the microtask of the first `track`, so it goes on when that one is done
  return performance.now() - start;
}

async function sum(/** @type {number} */ times, /** @type {(i: number) => void} */ work) {
  let total = 0;
  for (let i = 0; i < times; i++) total += await timed(() => work(i));
  return total;
}

/** @param {{ subject: number, yardstick: number }[]} rows ms a block  @param {number} calls a block */
function summary(rows, calls) {
  const micros = (/** @type {number} */ ms) => (ms * 1000) / calls;
  return {
    subject: median(rows.map((row) => micros(row.subject))),
    yardstick: median(rows.map((row) => micros(row.yardstick))),
    ratio: median(rows.map((row) => row.subject / row.yardstick)),
  };
}

/** One block of each, less the harness alone. @param {Measure} subject @param {Measure} yardstick @param {Measure} nothing */
async function row(subject, yardstick, nothing) {
  const [measured, beside, harness] = [await subject(), await yardstick(), await nothing()];
  return { subject: measured - harness, yardstick: beside - harness };
}

function trackAll(/** @type {Subject} */ subject) {
  for (const of of attributes) subject.track(of);
}

function stringifyAll() {
  for (const event of events) lengths += JSON.stringify(event).length;
}

/**
 * @param {Subject} subject
 * @param {number} times
 * @param {number} calls
 * @param {(i: number) => void} work
 * @param {(i: number) => void} yardstick
 * @param {() => void} [before] done before each of both, and not counted
 */
async function blocks(subject, times, calls, work, yardstick, before = () => {}) {
  const rows = [];
  const after = (/** @type {(i: number) => void} */ then) => () => sum(times, (i) => { before(); then(i); });
  for (let block = 0; block < WARM_UP + BLOCKS; block++) {
    const measured = await row(after(work), after(yardstick), after(() => {}));
    if (block >= WARM_UP) rows.push(measured);
    await subject.flush(); // outside the clock: each block begins with nothing held
  }
  return summary(rows, times * calls);
}

/** Bursts of 100 a task, persistence included, beside `JSON.stringify` of the same events. */
const burst = (/** @type {Subject} */ subject) =>
  blocks(subject, BURSTS, BURST, () => trackAll(subject), stringifyAll);

/**
 * What of a burst is the storage's own: bare `setItem`s of the same text, in values of 16 KB, under new keys. As in a burst they come
 * after other work, without which they take less time.
 * @param {Subject} subject who does nothing
 */
function storage(subject) {
  const text = events.map((event) => JSON.stringify(event)).join('\n');
  const values = text.match(/[^]{1,16384}/g) ?? [];
  let burst = 0;
  const write = () => values.forEach((value, i) => localStorage.setItem(`bench-${burst}-${i}`, value + burst++ % 10));
  const clear = async () => {
    for (const key of Object.keys(localStorage)) if (key.startsWith('bench-')) localStorage.removeItem(key);
  };
  const work = () => { for (let i = 0; i < BUSY; i++) stringifyAll(); };
  return blocks({ ...subject, flush: clear }, BURSTS, BURST, write, stringifyAll, work);
}

/** A lone `track`, persisted at the end of its task, beside a bare `setItem` of 1 KB. */
const lone = (/** @type {Subject} */ subject) =>
  blocks(subject, LONE, 1, (i) => subject.track(attributes[i]), (i) => localStorage.setItem('bench-bare', kilobytes[i]));

/** `count` events in bursts of 100 a task. */
async function fill(/** @type {Subject} */ subject, /** @type {number} */ count) {
  for (let i = 0; i < count; i += BURST) {
    await task();
    for (const of of attributes.slice(0, count - i)) subject.track(of);
  }
}

/** A burst into clients that hold so many events which nobody takes; each size in turn. */
async function held(/** @type {() => Promise<Subject>} */ start, /** @type {number[]} */ sizes) {
  /** @type {{ subject: number, yardstick: number }[][]} */
  const rows = sizes.map(() => []);
  for (let holder = 0; holder < HOLDERS; holder++) {
    for (const [i, size] of sizes.entries()) {
      const subject = await start();
      await fill(subject, size);
      const measured = await row(() => timed(() => trackAll(subject)), () => timed(stringifyAll), () => timed(() => {}));
      if (holder >= HOLDERS / 6) rows[i].push(measured);
      const stats = /** @type {any} */ (subject.stats?.());
      if (stats.held !== size + BURST) throw new Error(`${size} events are to be held: ${JSON.stringify(stats)}`);
      subject.dispose?.();
    }
  }
  return rows.map((of) => summary(of, BURST));
}

/** @type {Subject} */
let subject;

const start = async (/** @type {string} */ name, /** @type {any} */ run) => (await import(`./${name}.js`)).start(run);

Object.assign(window, {
  bench: {
    isolated: () => crossOriginIsolated,
    /** @param {string} name of the subject's module  @param {any} run its options */
    start: async (name, run) => { subject = await start(name, run); },
    burst: () => burst(subject),
    storage: () => storage(subject),
    lone: () => lone(subject),
    /** Events and their flush; the driver reads the main thread's time around it. */
    total: async (/** @type {number} */ count) => { await fill(subject, count); await subject.flush(); },
    held: (/** @type {any} */ run, /** @type {number[]} */ sizes) => held(() => start('beaconry', run), sizes),
    lengths: () => lengths,
  },
});
