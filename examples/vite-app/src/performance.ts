// Vitals, requests and routes by the package; what this app times itself.
import { install } from 'beaconry/performance';
import { routeOf } from './router';
import { telemetry } from './telemetry';

export function startPerformance(): void {
  install(telemetry, { route: () => routeOf(location.pathname), slowAfter: 500 });
}

/** Does the work, and tells how long it took. */
export function timed<T>(name: string, work: () => T): T {
  const start = performance.now();
  try {
    return work();
  } finally {
    telemetry.metric(name, performance.now() - start, { unit: 'ms' });
  }
}
