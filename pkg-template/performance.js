import { cleaner, isOwnFile, isOwnRequest } from './shared/addresses.js';
import { damper } from './shared/damper.js';
import { attempt, patch } from './shared/patch.js';

/** A resource that takes longer, in ms, is slow by default: the user has noticed (Nielsen's limit for an uninterrupted thought). */
const SLOW_MS = 1_000;

/** What resource timing calls a request that the app's code has made; the others load parts of the page. */
const REQUESTS = ['fetch', 'xmlhttprequest'];

let uninstall = () => {};

/** @type {typeof import('./performance.js').install} */
export function install(telemetry, options = {}) {
  uninstall(); // the one before: two would measure everything twice
  if (telemetry.stats().mode === 'off') return () => {};
  const { scrub, ignore, route = () => location.pathname, slowAfter = SLOW_MS, entries = () => true } = options;
  const clean = cleaner(scrub);
  const damp = damper(telemetry);
  let isOn = true;

  /**
   * @param {string} name
   * @param {number} value
   * @param {Record<string, unknown>} data
   */
  const metric = (name, value, data) => {
    const count = damp(`${name} ${data.url}`);
    if (count) telemetry.metric(name, value, count > 1 ? { ...data, count } : data);
  };

  /** @param {(name: string) => boolean | undefined} wanted */
  const custom = (wanted) => (/** @type {any} */ entry) => {
    if (attempt(() => wanted(entry.name))) metric(entry.name, ...measured(entry));
  };
  const observers = [
    observe('long-animation-frame', (entry) => {
      const script = longest(entry);
      if (!isMeasuring(script)) metric('long_animation_frame', ...frame(entry, script, clean));
    }),
    observe('resource', resource),
    observe('mark', custom(entries)),
    observe('measure', custom(entries)),
  ];
  vitals();
  const leaveRoutes = watchRoutes(telemetry, route, clean);

  const ours = (uninstall = () => {
    isOn = false;
    observers.forEach((observer) => observer?.disconnect());
    leaveRoutes();
    if (uninstall === ours) uninstall = () => {};
  });
  return ours;

  /** @param {PerformanceResourceTiming} entry */
  function resource(entry) {
    const { name, initiatorType, duration } = entry;
    if (isOwnRequest(name) || isOwnFile(name) || attempt(() => ignore?.(name))) return;
    if (REQUESTS.includes(initiatorType)) metric('response_time', round(duration), transfer(entry, clean));
    else if (duration >= slowAfter) metric('slow_resource', round(duration), transfer(entry, clean));
  }

  /** The library is loaded by pages that measure, and by no others. Its listeners stay: it has no way to end them. */
  function vitals() {
    /** @param {import('web-vitals/attribution').MetricWithAttribution} vital */
    const report = ({ name, value, rating, delta, id, navigationType, attribution }) => {
      if (!isOn) return;
      const about = { rating, delta: round(delta, name), id, navigation: navigationType, ...simple(attribution, clean) };
      telemetry.vital(name, round(value, name), about);
    };
    import('web-vitals/attribution').then(
      ({ onCLS, onFCP, onINP, onLCP, onTTFB }) => {
        if (isOn) for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) on(report);
      },
      (error) => telemetry.log('warn', 'web-vitals did not load: no vitals are measured', { source: 'performance', error }),
    );
  }
}

/**
 * Tells of each entry of a type, also of those from before; nothing where the browser has no such type.
 * @param {string} type
 * @param {(entry: any) => void} tell
 */
function observe(type, tell) {
  if (!globalThis.PerformanceObserver?.supportedEntryTypes?.includes(type)) return;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => attempt(() => tell(entry))));
  observer.observe({ type, buffered: true });
  return observer;
}

/**
 * The script that took most of a frame, if any did.
 * @param {{ scripts?: any[] }} entry
 */
const longest = ({ scripts = [] }) => [...scripts].sort((a, b) => b.duration - a.duration)[0];

/**
 * Whether a frame was long because somebody measured, or because of the client: to tell of that could make the next one long.
 * @param {any} script
 */
const isMeasuring = (script) => script && (script.invoker === 'PerformanceObserverCallback' || isOwnFile(script.sourceURL));

/**
 * A frame that took over 50 ms (Long Animation Frames API), and its longest script.
 * @param {any} entry
 * @param {any} script
 * @param {import('./shared/addresses.js').Cleaner} clean
 * @returns {[number, Record<string, unknown>]}
 */
function frame({ duration, blockingDuration, startTime }, script, clean) {
  const about = script && {
    duration: round(script.duration),
    invoker: clean.text(script.invoker),
    url: script.sourceURL && clean.address(script.sourceURL),
    function: script.sourceFunctionName,
  };
  return [round(duration), { unit: 'ms', at: round(startTime), blocking: round(blockingDuration), script: about }];
}

/**
 * What resource timing tells of a transfer. Another origin hides most of it unless it allows it (Timing-Allow-Origin).
 * @param {PerformanceResourceTiming & { responseStatus?: number }} entry
 * @param {import('./shared/addresses.js').Cleaner} clean
 */
function transfer(entry, clean) {
  const { name, startTime, initiatorType, requestStart, responseStart, transferSize, responseStatus } = entry;
  return {
    unit: 'ms',
    url: clean.address(name),
    initiator: initiatorType,
    at: round(startTime),
    status: responseStatus || undefined,
    wait: responseStart > requestStart ? round(responseStart - requestStart) : undefined, // for the first byte
    bytes: transferSize || undefined,
  };
}

/**
 * A mark's value is its time, a measure's how long it took; both in ms.
 * @param {PerformanceMark | PerformanceMeasure} entry
 * @returns {[number, Record<string, unknown>]}
 */
function measured({ entryType, startTime, duration, detail }) {
  const value = entryType === 'mark' ? startTime : duration;
  return [round(value), { unit: 'ms', kind: entryType, at: round(startTime), detail: detail ?? undefined }];
}

/**
 * What of an attribution is a number or a text; the rest are whole entries of the browser's.
 * @param {object} attribution
 * @param {import('./shared/addresses.js').Cleaner} clean
 */
function simple(attribution, clean) {
  /** @type {Record<string, unknown>} */
  const out = {};
  for (const [name, value] of Object.entries(attribution)) {
    if (typeof value === 'number') out[name] = round(value, /Value$/.test(name) ? 'CLS' : '');
    else if (typeof value === 'string' && value) out[name] = name === 'url' ? clean.address(value) : value;
  }
  return out;
}

/**
 * Page views and route changes. A route is the path, or what the app says; what changes only the query is none.
 * @param {import('./index.js').Telemetry} telemetry
 * @param {() => string} route
 * @param {import('./shared/addresses.js').Cleaner} clean
 */
function watchRoutes(telemetry, route, clean) {
  const name = () => `${attempt(route) ?? location.pathname}`;
  let current = name();
  const [entry] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'));
  const referrer = document.referrer ? clean.address(document.referrer) : undefined;
  telemetry.event('page_view', { route: current, navigation: entry?.type ?? 'navigate', referrer });

  /** @param {string} navigation */
  const moved = (navigation) => {
    const from = current;
    current = name();
    if (current !== from) telemetry.event('route_change', { route: current, from, navigation });
  };
  const listeners = new AbortController();
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) telemetry.event('page_view', { route: (current = name()), navigation: 'back-forward-cache' });
  }, listeners);
  const undo = watchHistory(moved, listeners.signal);
  return () => {
    listeners.abort();
    undo.forEach((each) => each());
  };
}

/**
 * By the Navigation API where there is one: nothing is patched then.
 * @param {(navigation: string) => void} moved
 * @param {AbortSignal} signal
 */
function watchHistory(moved, signal) {
  const { navigation } = /** @type {any} */ (globalThis);
  if (navigation) {
    navigation.addEventListener('currententrychange', (/** @type {any} */ event) => moved(event.navigationType ?? 'replace'), { signal });
    return [];
  }
  addEventListener('popstate', () => moved('traverse'), { signal });
  return ['push', 'replace'].map((kind) =>
    patch(History.prototype, `${kind}State`, (original, self, args) => {
      const result = original.apply(self, args);
      moved(kind);
      return result;
    }),
  );
}

/**
 * A tenth of a ms is as much as browsers tell; a layout shift is a small number without a unit.
 * @param {number} value
 * @param {string} [name]
 */
const round = (value, name) => (name === 'CLS' ? Math.round(value * 10_000) / 10_000 : Math.round(value * 10) / 10);
