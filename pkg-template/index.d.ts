/**
 * Browser telemetry that can account for every event.
 *
 * Nothing here throws: bad input is stored in a bounded form or counted, wrong options are named in the console once and
 * telemetry stays off.
 */

/**
 * Starts telemetry, or, where the flag says so, does not.
 *
 * The returned object works from the first line, on a server too (there it does nothing). With the flag at DISABLED, which
 * is the default, nothing is fetched, no listener is registered, and what an earlier visit with the same `url` and `app` left in
 * localStorage, sessionStorage and IndexedDB is deleted.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry;

/** Who is measured. A rollout is a percentage of visitors, 0 to 100; who is in stays in when it grows. */
export type Flag = 'DISABLED' | 'ENABLED' | { rollout: number };

export interface TelemetryOptions {
  /** The collector's endpoint: `https://telemetry.example.com/v1/events`, or `/v1/events` on the page's own host. */
  url: string;
  /** Names the app to the collector. Public, not a secret. */
  key: string;
  /** Default: `'DISABLED'`. */
  flag?: Flag;
  /** Keeps clients of one origin apart, and what is stored together when the key changes. Default: the key. */
  app?: string;
  /** The app's version, on every event. */
  release?: string;
  /** Such as `production`, on every event. */
  env?: string;
  /** What a rollout hashes: a user's or a device's id. It is not sent. Default: a random key, kept in localStorage. */
  visitor?: string;
  /** The visit's id. Default: 16 random characters in sessionStorage, the same after a reload. */
  session?: string;
  /** The page's name on events. Default: `location.pathname`, read anew in every task; never the query or fragment. */
  page?: string;
  /** `false` keeps events in memory only. Default: true. */
  persist?: boolean;
  /**
   * `false` keeps no copy in IndexedDB of what localStorage has. With it, events survive the death of the whole browser, of which
   * localStorage loses the last seconds. Default: true.
   */
  mirror?: boolean;
  /** Warns in the console, once, of events of an unknown type. Default: false. */
  debug?: boolean;
  /** Where `beaconry_bg.wasm` is, if a bundler or a policy needs to say. Default: in the package's folder `wasm/`. */
  wasmUrl?: string | URL;
  /** Told of events that were dropped, soon after; what it throws is ignored. */
  onDrop?: (reason: DropReason, count: number) => void;
  limits?: Limits;
}

export interface Limits {
  /** Bytes of events in memory that no storage has; before the wasm is there, `storageBytes` bounds both. Default: 1 MiB. */
  memoryBytes?: number;
  /** Bytes of events in the origin's localStorage, of all tabs and clients together; it has about 5 M characters. Default: 1 MiB. */
  storageBytes?: number;
  /**
   * Bytes of UTF-8 of a batch, 2,048 to 16,384, above 2,048 at most a quarter of `storageBytes`; one that is written more than
   * once has 4,096 at most. Default: 16,384; without the wasm it is 4,096.
   */
  batchBytes?: number;
  /** Milliseconds that an event waits for others to be sent with. Default: 5,000. */
  flushAfter?: number;
  /** Milliseconds after which an undelivered event is dropped. Default: 14 days. */
  maxAge?: number;
}

/**
 * Why an event was dropped.
 *
 * - `full`: a limit of memory or storage; events without errors first, then the oldest (in the first seconds, before the wasm
 *   is there or has failed, the oldest)
 * - `age`: not delivered within `maxAge`
 * - `too_large`: over 32 KiB, or too large for the collector
 * - `invalid`: no line of JSON could be made of it
 * - `rejected`: the collector found it malformed
 * - `stale`: the collector no longer knows its time
 * - `off`: the collector has switched telemetry off
 * - `storage`: it was in the storage and could not be read back, or no storage and no beacon took it
 * - `trap`: lost with the wasm
 * - `poison`: it made the wasm fail, twice
 */
export type DropReason =
  | 'full'
  | 'age'
  | 'too_large'
  | 'invalid'
  | 'rejected'
  | 'stale'
  | 'off'
  | 'storage'
  | 'trap'
  | 'poison';

export type EventType = 'log' | 'error' | 'metric' | 'event' | 'vital';

/**
 * All methods may be called apart from the object, never throw, and do nothing while telemetry is off or disposed.
 *
 * `data` is an object of anything: what JSON cannot say gets a documented form (see `serialize.js`), at most 32 KiB an event.
 * A member of `data` with the name of an argument (`message`, `level`, `name`, `value`) loses against the argument; data that is
 * no plain object becomes the member `data`.
 */
export interface Telemetry {
  /** Any event. An unknown type becomes an `event` of that name; data that is no object becomes `{ value: data }`. */
  track(type: EventType, data?: unknown): void;
  log(level: 'debug' | 'info' | 'warn' | 'error' | (string & {}), message: string, data?: object): void;
  /** Takes whatever was thrown. Stored `{name, message, stack, cause?, handled: true}`; `data` may say `handled: false`. */
  error(error: unknown, data?: object): void;
  /** `data.unit` is the value's. */
  metric(name: string, value: number, data?: object): void;
  event(name: string, data?: object): void;
  /** A web vital: LCP and its like in ms, CLS without a unit; `data.rating` if known. */
  vital(name: string, value: number, data?: object): void;
  /** On the events that follow; null for nobody. At most 256 characters. */
  setUser(id: string | null): void;
  /** On the events that follow, at most 1 KiB of JSON; null for none. */
  setContext(context: object | null): void;
  /**
   * Sends now what may be sent, and resolves when everything tracked before is delivered or dropped, or after `timeout` ms
   * (default 5,000) with what is then still held. Never rejects.
   */
  flush(options?: { timeout?: number }): Promise<FlushResult>;
  stats(): Stats;
  /** Stores and sends what is left, then lets go of every listener, timer and lock. */
  dispose(): void;
}

/**
 * In events. In mode `wasm` of all streams that the page has had: its own since it began, and those adopted from pages that
 * are gone. In mode `degraded` of what it has written or delivered since the wasm failed. Before, of the page's current stream alone,
 * and nothing counts as delivered.
 */
export interface FlushResult {
  delivered: number;
  held: number;
  dropped: number;
}

export interface Stats {
  /**
   * - `off`: by the flag, by wrong options, on a server, or disposed
   * - `writer`: the wasm is not there yet; events are stored, and sent when the page is hidden
   * - `wasm`: the whole client
   * - `degraded`: the wasm did not load or has failed; as `writer`, and what is stored is delivered all the same, in rounds, and
   *   by `flush`
   */
  mode: 'off' | 'writer' | 'wasm' | 'degraded';
  /** The stream that numbers events now. */
  stream?: string;
  /** In events, as in {@link FlushResult}; always held + delivered + dropped + released. */
  tracked: number;
  held: number;
  delivered: number;
  /** Left in the storage for whoever adopts it. */
  released: number;
  /** By reason; a reason without events may be absent. */
  dropped: Partial<Record<DropReason, number>>;
  /** Bytes of events in localStorage: in mode `wasm` of the whole origin, else of this page. */
  storedBytes: number;
}
