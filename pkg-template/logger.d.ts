import type { Telemetry } from './index.js';

/** The console's, the least important first. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * Shows lines in the console as they are given, and, once installed, sends those that matter as events.
 *
 * Of a line's arguments, texts and numbers become `message` (format strings as in the console), the members of plain objects
 * become members of the event, the first error its error, and other objects its `values`.
 *
 * `debug` and `info` are the console's own functions while their lines are not sent: take them from the logger when you call
 * them, so that they are sent from then on when that changes. The others may be called apart from it.
 */
export interface Logger {
  /** A `log`, if `send` says so. */
  readonly debug: (...args: unknown[]) => void;
  /** A `log`, if `send` says so. */
  readonly info: (...args: unknown[]) => void;
  /** A `log`, unless `send` says otherwise. */
  warn(...args: unknown[]): void;
  /** An `error`: of the first error among the arguments (then the texts are its `log`), else of the texts. */
  error(...args: unknown[]): void;
  /** A `metric`, in ms unless `data.unit` says otherwise. Shown as `debug`. */
  perf(name: string, value: number, data?: object): void;
  /** An `event`: what a user does. Shown as `info`. */
  action(name: string, data?: object): void;
  /** A logger whose events have these members too. */
  child(context: object): Logger;
}

export interface LoggerOptions {
  /** The least important level that the console shows. Default: `'debug'`. It holds while telemetry is off, too. */
  level?: Level | 'silent';
  /** The least important level that is sent. Default: `'warn'`. */
  send?: Level;
  /** Of which of the console's own functions the lines are sent too, if `send` has their level. Default: none. */
  console?: Level[];
  /** What of an absolute address in a message or a stack is stored. Default: all but query, fragment, user and password. */
  scrub?: (address: string) => string;
}

/** Works before it is installed, and while telemetry is off: then it only shows. */
export const logger: Logger;

/**
 * Sends what is logged from now on, until the returned function is called. Another `install` takes the place of the one before.
 * What the logger says of drops in `onDrop` is sent once a minute: no loop can come of it.
 */
export function install(telemetry: Telemetry, options?: LoggerOptions): () => void;
