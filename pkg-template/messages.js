/** The numbers in which driver and core talk. `src/messages.rs` has the same, and says what stands in each message. */

// What the driver tells.
export const START = 0;
export const TIME = 1;
export const CONTEXT = 2;
export const LOST = 3;
export const OFFER = 4;
export const FLUSH = 5;
export const BEGIN = 6;
export const ADOPT = 7;
export const RELEASE = 8;
export const SWITCH_OFF = 9;
export const GATE = 10;
export const LINK = 11;
export const PAGE = 12;
export const EXIT = 13;
export const ANSWER = 14;
export const HANDED = 15;
export const STORED = 16;
export const COUNT = 17;
export const KNOWN = 18;

// What an answer says.
export const ACCOUNTED = 1;
export const STALE = 2;
export const ERROR = 3;
export const DISABLED = 4;

// What the core asks for.
export const WAIT = 0;
export const PERSIST_LINE = 1;
export const PERSIST = 2;
export const ERASE_LINE = 3;
export const ERASE = 4;
export const FORGET = 5;
export const FETCH = 7;
export const DROPPED = 8;
export const FLUSHED = 9;
export const SETTLED = 10;
export const GATED = 11;
export const OFF = 12;
export const BEACON = 13;

// What became of a tracked event.
export const JOINED = 0;
export const BEGAN = 1;
export const REFUSED = 3;

/** A time that does not come; no word is larger. */
export const NEVER = 0xffffffff;

/** How much an event matters. */
export const NORMAL = 1;
export const HIGH = 2;

/** Why events are dropped, in the core's order. */
export const REASONS = /** @type {import('./index.js').DropReason[]} */ (
  'full age too_large invalid rejected stale off storage trap poison'.split(' ')
);
