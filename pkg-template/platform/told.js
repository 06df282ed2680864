/** What Rust is told, by number: `src/platform/told.rs` has the same. */

/** The page is shown. */
export const SHOWN = 0;
/** It is hidden or frozen: maybe the last that is heard. */
export const HIDDEN = 1;
/** `beforeunload`: it may go, or stay. */
export const LEAVING = 2;
/** `pagehide`: it goes, maybe into the back/forward cache. */
export const GONE = 3;
/** It is back from there. */
export const BACK = 4;
export const ONLINE = 5;
export const OFFLINE = 6;
/** The alarm for the core. */
export const WAKE = 7;
/** The alarm for a look at what other pages have left. */
export const LOOK = 8;
/** Events, one JSON line each: those of a task. */
export const LINES = 9;
/** The request `id` has an answer: its status (0: there is none), the ms of its Retry-After, its text. */
export const REPLIED = 10;
/** The lock of the stream `text` was free (`id` is 1), and is held now; or not (0). */
export const LOCK = 11;
/** The members of the batch lines from now on, as raw JSON. */
export const MEMBERS = 12;
/** Someone waits for everything to be delivered. */
export const FLUSH = 13;
/** The books are to be told. */
export const STATS = 14;
/** Everything is to be stored, sent and let go of. */
export const DISPOSE = 15;
