import type { Telemetry } from './index.js';

/**
 * Where an error was noticed.
 *
 * - `window`: thrown and caught by nobody
 * - `promise`: rejected and handled by nobody
 * - `resource`: an image, script, style sheet or the like that did not load
 * - `fetch`, `xhr`: a request without an answer, or with a status of 500 or more; one that was aborted has not failed
 * - `csp`: blocked by the Content-Security-Policy
 * - `wrap`: thrown by a function that was given to `wrap`
 */
export type Source = 'window' | 'promise' | 'resource' | 'fetch' | 'xhr' | 'csp' | 'wrap';

/** What an `error` event holds. Addresses in it are cleaned; of an error's own members only `code` and `status` are taken. */
export interface ErrorData {
  name?: string;
  message: string;
  stack?: string;
  /** The chain of causes, in the same form. */
  cause?: unknown;
  /** Those of an AggregateError. */
  errors?: unknown[];
  code?: string | number;
  /** Of a request. */
  status?: string | number;
  source: Source;
  /** Of a failed request: whether the app has handled the rejection. Else false. */
  handled: boolean;
  /** Of a request. */
  method?: string;
  /** Of a request or a resource. */
  url?: string;
  /** Of a request: ms until it failed. */
  duration?: number;
  /** Of a resource: the element's. */
  tag?: string;
  /** Where it was thrown, or where the policy was violated. */
  file?: string;
  line?: number;
  column?: number;
  /** Of a violation. */
  directive?: string;
  blocked?: string;
  disposition?: string;
}

export interface ErrorHandlerOptions {
  /**
   * What of an absolute address is stored. Default: all but query, fragment, user and password; of the page's own origin the
   * path alone.
   */
  scrub?: (address: string) => string;
  /** True for what is not to be stored, such as errors of extensions. */
  ignore?: (error: ErrorData) => boolean;
}

/**
 * Tracks what fails from now on as `error`, until the returned function is called: it puts back `fetch` and XMLHttpRequest where they
 * are still its own. Another `install` takes the place of the one before.
 *
 * The first of equal errors is sent at once with `count: 1`; its repeats within five seconds are one more event, which
 * has their `count`. The client's own requests, files and errors are not tracked, but for rare files that a bundler has given
 * other names.
 */
export function install(telemetry: Telemetry, options?: ErrorHandlerOptions): () => void;

/**
 * The same function, whose errors are tracked, and thrown on: for callbacks whose caller swallows them. Of an async function
 * the rejection. Each error is tracked once, however often it is noticed on its way.
 */
export function wrap<F extends (...args: any[]) => unknown>(callback: F): F;
