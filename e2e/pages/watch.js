// Runs before anything else and counts what the package does to the page. It watches; it changes nothing.
window.watched = { listeners: [], writes: [], errors: [], consoleErrors: [], warnings: [], restored: 0, hidden: 0, cores: 0 };

const { addEventListener } = EventTarget.prototype;
EventTarget.prototype.addEventListener = function (type, ...rest) {
  window.watched.listeners.push(`${this?.constructor?.name ?? 'Window'} ${type}`);
  return addEventListener.call(this, type, ...rest);
};

const { setItem } = Storage.prototype;
Storage.prototype.setItem = function (key, value) {
  window.watched.writes.push(key);
  return setItem.call(this, key, value);
};

const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...args) {
    super(...args);
    window.watched.cores++;
  }
};

const { error, warn } = console;
console.warn = (...values) => {
  window.watched.warnings.push(values.map(String).join(' '));
  warn.apply(console, values);
};
console.error = (...values) => {
  window.watched.consoleErrors.push(values.map(String).join(' '));
  error.apply(console, values);
};

/** The page may be gone when the test looks, so the site is told too. */
const tell = window.fetch.bind(window);
const thrown = (message) => {
  window.watched.errors.push(message);
  tell('/thrown', { method: 'POST', body: message, keepalive: true }).catch(() => {});
};
addEventListener.call(window, 'error', ({ message }) => thrown(message));
addEventListener.call(window, 'unhandledrejection', ({ reason }) => thrown(String(reason)));
// From the back/forward cache.
addEventListener.call(window, 'pageshow', ({ persisted }) => persisted && window.watched.restored++);
addEventListener.call(document, 'visibilitychange', () => document.visibilityState === 'hidden' && window.watched.hidden++);
