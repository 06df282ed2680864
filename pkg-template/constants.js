// Limits that the facade keeps to, or more than one module, and places in what is stored. A module of numbers alone: bundlers write them
// where they are used.

/** What all beacons and keepalive fetches in flight share, in bytes of UTF-8 (Fetch, 4.6); what is too much is refused, and halved. */
export const BEACON_BYTES = 65_536;

/** Bytes of events that an origin stores by default. 1 MiB: a fifth of what its localStorage takes. */
export const STORAGE_BYTES = 1_048_576;

/** Bytes of a batch of the writer's: above it, a write to localStorage costs ten times as much. A larger event is alone in its batch. */
export const BATCH_BYTES = 4_096;

/** Of these a batch line takes, without its context: ten digits of its first number, three of how many it has, a line break. */
export const HEAD_BYTES = 30;

/** Events of one task that wait for its end: keeps a long loop's memory bounded. */
export const PENDING = 256;

/** Characters of an option: some are part of every request. */
export const OPTION_UNITS = 1_024;

/** Characters of a path and of a user's id, and bytes of a context: they are repeated in every batch. */
export const PAGE_UNITS = 512;
export const USER_UNITS = 256;
export const CONTEXT_BYTES = 1_024;

/** How long `flush` waits by default, and the wasm for an idle page (one that is never idle still delivers), in ms. */
export const WAIT_MS = 5_000;

/** How long a stream lasts, so that its books stay small, in ms: a day. */
export const STREAM_MS = 86_400_000;

/** How long the collector can hold clients back, or switch them off, in ms: a day. */
export const GATE_MS = 86_400_000;

/** How often a page looks for what others have left, in ms. A minute: another tab's crash is heard of while the user still wonders. */
export const LOOK_EVERY_MS = 60_000;

/** How soon it looks again when one is settled, or there were more than it takes at a time, in ms. */
export const LOOK_AGAIN_MS = 1_000;

/** Words of the key `gate`, by which the collector speaks to all tabs: not before, and off until, in unix ms; 0 for none. */
export const NOT_BEFORE = 0;
export const OFF_UNTIL = 1;

/** Fates of numbers in the core's order: held, delivered, given out before, left in the storage, then the reasons of `REASONS`. */
export const DELIVERED = 1;
export const PAST = 2;
export const DROPPED = 4;
