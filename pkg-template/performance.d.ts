import type { Telemetry } from './index.js';

export interface PerformanceOptions {
  /**
   * What of an absolute address is stored. Default: all but query, fragment, user and password; of the page's own origin the
   * path alone.
   */
  scrub?: (address: string) => string;
  /** True for addresses whose requests and resources are not measured. */
  ignore?: (address: string) => boolean;
  /** The name of the page that is shown. Default: `location.pathname`. */
  route?: () => string;
  /** From which time on a resource is slow, in ms. Default: 1,000. */
  slowAfter?: number;
  /** Whether the mark or measure of this name is wanted. Default: all are. */
  entries?: (name: string) => boolean;
}

/**
 * Measures the page until the returned function is called. Another `install` takes the place of the one before.
 *
 * | type | name | value | `data` |
 * | --- | --- | --- | --- |
 * | `vital` | `LCP` `INP` `FCP` `TTFB` (ms), `CLS` | by web-vitals, at the latest when the page is hidden; of one `id` the last counts | `rating`, `delta`, `id`, `navigation`, and what of the attribution is a number or a text |
 * | `metric` | `long_animation_frame` | its ms | `blocking`, `at`, the longest `script`; not where that is the client's or a PerformanceObserver's |
 * | `metric` | `response_time` | ms of a request by fetch or XMLHttpRequest | `url`, `status`, `wait`, `bytes`, `initiator`, `at` |
 * | `metric` | `slow_resource` | ms of another resource that took `slowAfter` | the same |
 * | `metric` | a mark's or a measure's | ms since navigation, or its duration | `kind`, `at`, `detail` |
 * | `event` | `page_view` | – | `route`, `navigation`, `referrer` |
 * | `event` | `route_change` | – | `route`, `from`, `navigation`: `push`, `replace`, `traverse` |
 *
 * What a browser does not measure is not tracked: long animation frames and most attributions are Chromium's. The client's own
 * requests and files are not measured, but for rare files that a bundler has given other names. `at` is in ms since navigation.
 */
export function install(telemetry: Telemetry, options?: PerformanceOptions): () => void;
