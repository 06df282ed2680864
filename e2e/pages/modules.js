// `options` in the query are the client's; their member `modules` says which modules are installed, with which options:
// { "logger": {…}, "errors": {…}, "performance": {…}, "logDrops": true }
import { createTelemetry } from '/beaconry/index.js';
import { install as installErrors, wrap } from '/beaconry/error-handler.js';
import { install as installLogger, logger } from '/beaconry/logger.js';
import { install as installPerformance } from '/beaconry/performance.js';

const { modules, ...options } = JSON.parse(new URLSearchParams(location.search).get('options'));
const before = { fetch, open: XMLHttpRequest.prototype.open, send: XMLHttpRequest.prototype.send, warn: console.warn, pushState: History.prototype.pushState };

let drops = 0;
/** As an app would that wants to know, and then some: everything that a module notices. */
function onDrop(reason, count) {
  drops++;
  logger.warn(`${count} events dropped: ${reason}`);
  logger.error(new Error(`dropped: ${reason}`));
  console.warn('dropped', Math.random());
  performance.mark(`dropped ${reason}`);
  fetch('/status/503').catch(() => {});
  Promise.reject(new Error('an onDrop that fails'));
  throw new Error('an onDrop that throws');
}

const telemetry = createTelemetry({ ...options, ...(modules.logDrops && { onDrop }) });
const uninstall = [
  modules.errors && installErrors(telemetry, modules.errors),
  modules.logger && installLogger(telemetry, modules.logger),
  modules.performance && installPerformance(telemetry, modules.performance),
].filter(Boolean);

const patched = () =>
  Object.entries({ fetch, open: XMLHttpRequest.prototype.open, send: XMLHttpRequest.prototype.send, warn: console.warn, pushState: History.prototype.pushState })
    .filter(([name, value]) => value !== before[name])
    .map(([name]) => name);

/** The events that are in the storage, without where they stand there. */
const stored = () =>
  Object.entries(localStorage)
    .filter(([key]) => /^bcn1:.*:\d+$/.test(key))
    .flatMap(([, batch]) => batch.split('\n').slice(1, -1).map((line) => JSON.parse(line)));

/** One XMLHttpRequest; resolves with the event by which it ended. */
const xhr = (method, url) =>
  new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.onloadend = ({ type }) => resolve(`${type} ${request.status}`);
    request.open(method, url);
    request.send();
  });

/** Elements that load nothing. */
function broken(tag, attributes) {
  document.body.append(Object.assign(document.createElement(tag), attributes));
}

document.querySelector('#slow')?.addEventListener('click', () => {
  const end = performance.now() + 200;
  while (performance.now() < end);
});

/** Runs the body of an async function as a script of the page: what a driver runs is of no origin, and its errors are muted. */
function run(body) {
  document.body.append(Object.assign(document.createElement('script'), { textContent: `page.outcome = (async () => { ${body} })()` }));
  return page.outcome;
}

const keys = () => [localStorage, sessionStorage].flatMap((storage) => Object.keys(storage)).filter((key) => key.startsWith('bcn1:'));

window.page = { telemetry, logger, wrap, uninstall, patched, stored, xhr, broken, run, keys, drops: () => drops };
