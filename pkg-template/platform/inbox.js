import { isError } from '../writer.js';
import { LINES, MEMBERS, STATS } from './told.js';

/** UTF-16 units of lines that wait for the end of their task: keeps a long loop's memory bounded. */
const PENDING_UNITS = 65_536;

/**
 * The one way into Rust. The lines of a task are collected and cross once, at its end; an error's at once. Whatever else is
 * told finds them there before it. Rust is never entered while it runs: what happens meanwhile waits for its turn.
 *
 * What is thrown out of Rust is a trap, for no function of the host throws: then nothing is told any more.
 * @param {import('./host.js').Entry} entry
 * @param {() => string | undefined} members what the batch lines say from now on, if that is another than before
 * @param {(lines: string[]) => void} failed with the lines that were crossing
 */
export function inbox(entry, members, failed) {
  /** @type {string[]} */
  let lines = [];
  let units = 0;
  let scheduled = false;
  let busy = true; // until the client has begun
  let crossed = 0;

  /** @type {import('./host.js').Tell} */
  function enter(what, id = 0, status = 0, ms = NaN, text = '') {
    const outer = busy;
    busy = true;
    try {
      entry(what, id, status, ms, text, performance.now(), Date.now());
    } catch {
      entry = () => {};
      failed(what === LINES ? text.split('\n') : []);
    }
    busy = outer;
  }

  function cross() {
    if (busy) return;
    scheduled = false;
    if (!units) return;
    const text = lines.join('\n');
    const count = lines.length;
    lines = [];
    units = 0;
    enter(LINES, 0, 0, 0, text);
    crossed += count;
  }

  /** Once a task, and when the app says something: the page may have moved on. */
  function turn() {
    const text = members();
    if (text !== undefined) enter(MEMBERS, 0, 0, 0, text);
  }

  return {
    /** @param {string} line a JSON object */
    trackLine(line) {
      if (!busy && !units) turn();
      lines.push(line);
      units += line.length + 1;
      if (!busy && (units > PENDING_UNITS || isError(line))) cross();
      else if (!scheduled) {
        scheduled = true;
        // Who tracks from a patched function gets a task of its own, lest this one never ends.
        (busy ? setTimeout : queueMicrotask)(cross);
      }
    },

    /** @type {import('./host.js').Tell} */
    tell(what, id, status, ms, text) {
      if (what === STATS && busy) return enter(what); // which changes nothing
      if (busy) return queueMicrotask(() => this.tell(what, id, status, ms, text));
      cross();
      enter(what, id, status, ms, text);
      cross(); // what was tracked meanwhile: the page may go
    },

    /** Before something is said about the events to come. */
    turn(/** @type {() => void} */ say) {
      cross();
      say();
      if (!busy) turn();
    },

    /** The client has begun. */
    ready() {
      busy = false;
      turn();
    },

    waiting: () => lines.length,

    /** Lines that Rust has, since the last call with `true`. */
    crossed: (/** @type {boolean} */ anew) => (anew ? (crossed = 0) : crossed),

    close: () => void (entry = () => {}),
  };
}
