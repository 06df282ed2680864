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
/** The alarm for the core, or the end of the task. */
export const WAKE = 7;
/** The alarm for a look at what other pages have left. */
export const LOOK = 8;
/** The flush `id` has waited long enough. */
export const FLUSH_TIMED_OUT = 9;
/** The request `id` has an answer: its status (0: there is none), the ms of its Retry-After, its text. */
export const REPLIED = 10;
/** The lock of the stream `text` was free (`id` is 1), and is held now; or not (0). */
export const LOCK = 11;
