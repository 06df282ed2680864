import type { FlushResult, Stats, Telemetry, TelemetryOptions } from './index.js';

/** Fetches the wasm, from `url` or from beside the package; before the first client. */
export default function init(url?: string | URL): Promise<void>;

/** The client without the facade: as what `createTelemetry` gives, from the first line the wasm. */
export class TelemetryClient {
  constructor(options: Omit<TelemetryOptions, 'flag'>);
  track: Telemetry['track'];
  log: Telemetry['log'];
  error: Telemetry['error'];
  metric: Telemetry['metric'];
  event: Telemetry['event'];
  vital: Telemetry['vital'];
  /** An event that is a JSON line already: `{"type":…,"ts":…,"data":{…}}`. */
  trackLine(line: string): void;
  setUser: Telemetry['setUser'];
  setContext: Telemetry['setContext'];
  flush(options?: { timeout?: number }): Promise<FlushResult>;
  /** Undefined where the options were wrong. */
  stats(): Omit<Stats, 'mode'> | undefined;
  dispose(): void;
}
