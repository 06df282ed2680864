import { cleaner, isOwnFile, isOwnRequest } from './shared/addresses.js';
import { damper } from './shared/damper.js';
import { describe, isErrorLike } from './shared/describe.js';
import { attempt, patch } from './shared/patch.js';

/** How long the repeats of an error are counted before they are one event, in ms: a loop that fails makes an event every so often. */
const FOLD_MS = 5_000;

/** Different errors that are counted at a time. */
const FOLDS = 100;

/** When a rejection that nobody has called unhandled counts as handled, in ms: browsers say so in one of the next tasks. */
const UNHANDLED_MS = 100;

/** From this status on the server has failed, not the request (RFC 9110, 15.6). */
const SERVER_ERROR = 500;

/** Where an error was noticed. @typedef {import('./error-handler.js').Source} Source */
/** @typedef {(error: unknown, source: Source, more?: object) => void} Report */

let uninstall = () => {};

/** @type {Report | undefined} for `wrap`; none while nothing is installed */
let report;

/** @type {typeof import('./error-handler.js').install} */
export function install(telemetry, { scrub, ignore } = {}) {
  uninstall(); // the one before: two would tell each error twice
  if (telemetry.stats().mode === 'off') return () => {};
  const clean = cleaner(scrub);
  const damp = damper(telemetry);
  const folds = foldRepeats((error, data, times) => {
    const count = damp(attempt(() => `${error?.name} ${error?.message ?? textOf(error)}`) ?? '', times);
    if (count) telemetry.error(error, { ...data, count });
  });
  const listeners = new AbortController();
  /** Errors of this task, which are heard of again when they are thrown on. */
  const reported = new WeakSet();

  /** @type {Report} */
  const tell = (error, source, more) => {
    if (listeners.signal.aborted) return; // of a request that was under way
    if (attempt(() => isOwnError(error)) || (isObject(error) && reported.has(error))) return;
    if (isObject(error)) {
      reported.add(error);
      setTimeout(() => reported.delete(error));
    }
    const said = describe(error, clean);
    const data = { source, handled: false, ...more };
    if (!attempt(() => ignore?.({ ...(isErrorLike(said) ? said : { message: textOf(said) }), ...data }))) folds.add(said, data);
  };
  /** @type {Report} whatever is thrown, what the app catches is that */
  const ours = (report = (...what) => void attempt(() => tell(...what)));
  const rejections = watchRejections(ours, clean, listeners.signal);
  const undo = [rejections.undo, watchXhr(ours, clean)];
  const flush = () => {
    rejections.flush();
    folds.flush();
  };
  listen(ours, clean, flush, listeners.signal);

  const mine = (uninstall = () => {
    flush();
    listeners.abort();
    undo.forEach((each) => each());
    if (report === ours) report = undefined;
    if (uninstall === mine) uninstall = () => {};
  });
  return mine;
}

/** @type {typeof import('./error-handler.js').wrap} */
export function wrap(callback) {
  /** @param {unknown} error */
  const thrown = (error) => {
    report?.(error, 'wrap');
    throw error;
  };
  /** @this {any} */
  function wrapped(/** @type {any[]} */ ...args) {
    try {
      const result = callback.apply(this, args);
      return result instanceof Promise ? result.catch(thrown) : result;
    } catch (error) {
      thrown(error);
    }
  }
  return /** @type {any} */ (wrapped);
}

/**
 * What the window and the document tell: errors, resources that did not load, what a policy has blocked.
 * @param {Report} report
 * @param {import('./shared/addresses.js').Cleaner} clean
 * @param {() => void} flush
 * @param {AbortSignal} signal
 */
function listen(report, clean, flush, signal) {
  // Those of resources do not bubble. And the client is to hear of a page that goes after us.
  const early = { capture: true, signal };
  addEventListener('error', (event) => (event.target instanceof Element ? resource(event.target) : uncaught(event)), early);
  document.addEventListener('securitypolicyviolation', violated, early);
  document.addEventListener('visibilitychange', () => document.hidden && flush(), early);
  addEventListener('pagehide', flush, early);

  /** @param {ErrorEvent} event */
  function uncaught({ error, message, filename, lineno, colno }) {
    const place = { file: clean.address(filename), line: lineno, column: colno };
    report(error ?? { name: 'Error', message }, 'window', place);
  }

  /** @param {any} element */
  function resource(element) {
    const address = `${element.currentSrc || element.src || element.href || element.data || ''}`;
    if (isOwnFile(address)) return;
    const [tag, url] = [element.localName, clean.address(address)];
    report({ name: 'ResourceError', message: `<${tag}> ${url} did not load` }, 'resource', { tag, url });
  }

  /** @param {SecurityPolicyViolationEvent} event */
  function violated({ effectiveDirective: directive, blockedURI, sourceFile, lineNumber, disposition }) {
    if (isOwnRequest(blockedURI) || isOwnFile(blockedURI) || isOwnFile(sourceFile ?? '')) return;
    // A keyword such as `inline` or `eval`, or an address.
    const blocked = /^[\w-]*$/.test(blockedURI) ? blockedURI : clean.address(blockedURI);
    const message = `${directive} has blocked ${blocked}`;
    const where = sourceFile ? { file: clean.address(sourceFile), line: lineNumber } : {};
    report({ name: 'SecurityPolicyViolation', message }, 'csp', { directive, blocked, disposition, ...where });
  }
}

/**
 * Rejections that nobody handles, and requests by `fetch` that fail. They belong together: a failed request is told once, when it is
 * known whether the app has handled it.
 * @param {Report} report
 * @param {import('./shared/addresses.js').Cleaner} clean
 * @param {AbortSignal} signal
 */
function watchRejections(report, clean, signal) {
  /** @type {Map<unknown, ((handled: boolean) => void)[]>} how to tell of requests, by the error of their rejection: they may share one */
  const failed = new Map();

  /**
   * @param {unknown} error
   * @param {boolean} handled
   */
  function settle(error, handled) {
    const tells = failed.get(error);
    failed.delete(error);
    tells?.forEach((tell) => tell(handled));
    return tells;
  }

  addEventListener('unhandledrejection', ({ reason }) => void (settle(reason, false) ?? report(reason, 'promise')), { signal });

  const undo = patch(globalThis, 'fetch', (original, self, args) => {
    const request = attempt(() => requestOf(args));
    const promise = original.apply(self, args);
    if (!request || isOwnRequest(request.url) || isOwnFile(request.url)) return promise;
    const tell = failure('fetch', request, clean, performance.now(), report);
    // What is returned is what comes of `promise`, so that a rejection stays as unhandled as it was.
    return promise.then(
      (/** @type {Response} */ response) => {
        if (response.status >= SERVER_ERROR) tell({ status: response.status });
        return response;
      },
      (/** @type {any} */ error) => {
        if (!isAborted(request.signal, error)) {
          const end = performance.now();
          const told = (/** @type {boolean} */ handled) => tell({ cause: error, handled, end });
          failed.set(error, [...(failed.get(error) ?? []), told]);
          setTimeout(() => settle(error, true), UNHANDLED_MS);
        }
        throw error;
      },
    );
  });
  return { undo, flush: () => [...failed.keys()].forEach((error) => settle(error, true)) };
}

/**
 * Requests by XMLHttpRequest that fail.
 * @param {Report} report
 * @param {import('./shared/addresses.js').Cleaner} clean
 */
function watchXhr(report, clean) {
  const prototype = globalThis.XMLHttpRequest?.prototype ?? {};
  /** @type {WeakMap<XMLHttpRequest, { method: string, url: string }>} */
  const opened = new WeakMap();

  const undo = [
    patch(prototype, 'open', (original, self, args) => {
      attempt(() => opened.set(self, { method: `${args[0]}`.toUpperCase(), url: `${args[1]}` }));
      return original.apply(self, args);
    }),
    patch(prototype, 'send', (original, self, args) => {
      const request = opened.get(self);
      if (request && !isOwnRequest(request.url)) attempt(() => watch(self, request));
      return original.apply(self, args);
    }),
  ];
  return () => undo.forEach((each) => each());

  /**
   * @param {XMLHttpRequest} xhr
   * @param {{ method: string, url: string }} request
   */
  function watch(xhr, request) {
    const tell = failure('xhr', request, clean, performance.now(), report);
    const listening = new AbortController(); // an xhr may be used again
    /** @param {Event} event */
    const ended = ({ type }) => {
      listening.abort();
      if (type === 'error' || type === 'timeout') tell({ cause: type === 'error' ? 'network error' : 'timeout' });
      else if (xhr.status >= SERVER_ERROR) tell({ status: xhr.status });
    };
    for (const type of ['load', 'error', 'timeout', 'abort']) xhr.addEventListener(type, ended, listening);
  }
}

/**
 * How to tell that a request has failed; the time until then is part of it.
 * @param {'fetch' | 'xhr'} source
 * @param {{ method: string, url: string }} request
 * @param {import('./shared/addresses.js').Cleaner} clean
 * @param {number} start
 * @param {Report} report
 */
function failure(source, { method, url }, clean, start, report) {
  const address = clean.address(url);
  /** @param {{ status?: number, cause?: unknown, handled?: boolean, end?: number }} how */
  return ({ status, cause, handled = true, end = performance.now() }) => {
    const why = status ? `answered ${status}` : 'failed';
    const error = { name: 'RequestError', message: `${method} ${address} ${why}`, status, cause };
    report(error, source, { method, url: address, duration: Math.round(end - start), handled });
  };
}

/**
 * What `fetch` was asked for.
 * @param {any[]} args
 */
function requestOf([input, init]) {
  const isRequest = input instanceof Request;
  const method = `${init?.method ?? (isRequest ? input.method : 'GET')}`.toUpperCase();
  /** @type {AbortSignal | undefined} */
  const signal = init?.signal ?? (isRequest ? input.signal : undefined);
  return { method, url: isRequest ? input.url : `${input}`, signal };
}

/**
 * Whether the app has given a request up. One that took too long has failed.
 * @param {AbortSignal | undefined} signal
 * @param {any} error
 */
const isAborted = (signal, error) => error?.name === 'AbortError' || (signal?.aborted && error?.name !== 'TimeoutError');

/**
 * Repeats of an error: the first is sent at once, those that follow within a time are one event with their count.
 * @param {(error: any, data: object, count: number) => void} send
 */
function foldRepeats(send) {
  /** @type {Map<string, { said: any, data: any, count: number }>} */
  const folds = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    const ended = [...folds.values()];
    folds.clear(); // before calling out
    for (const { said, data, count } of ended) if (count) attempt(() => send(said, data, count));
  }

  return {
    flush,
    /**
     * @param {any} said
     * @param {any} data
     */
    add(said, data) {
      const key = attempt(() => JSON.stringify([said?.name, said?.message ?? textOf(said), said?.stack, data.source, data.handled])) ?? '';
      const fold = folds.get(key);
      if (fold) {
        Object.assign(fold, { said, data, count: fold.count + 1 });
        return;
      }
      if (folds.size >= FOLDS) flush();
      folds.set(key, { said, data, count: 0 });
      timer ??= setTimeout(flush, FOLD_MS);
      send(said, data, 1);
    },
  };
}

/**
 * What is said of a value that is no error. Some cannot be made a text.
 * @param {unknown} value
 */
const textOf = (value) => attempt(() => String(value)) ?? typeof value;

/**
 * Whether the client's WebAssembly threw it: the client counts that itself.
 * @param {any} error
 */
const isOwnError = (error) => isErrorLike(error) && /beaconry_bg/.test(`${error.stack}`.split('\n', 2).join());

/**
 * @param {any} value
 * @returns {value is object}
 */
const isObject = (value) => typeof value === 'object' && value !== null;
