import { cleaner } from './shared/addresses.js';
import { damper } from './shared/damper.js';
import { describe, isErrorLike } from './shared/describe.js';
import { attempt, patch } from './shared/patch.js';

/**
 * A logger that shows each line in the console and sends those that matter.
 *
 * Chromium's DevTools link a line to the first frame of its stack that is not on their ignore list. What is only shown is therefore
 * the console's own function, linked to its caller in any browser; what is sent too goes through this file, which DevTools pass over
 * where it lies below `node_modules/`, as it is or by a bundle's source map.
 */

/** What the console's functions are called, the least important first. @type {import('./logger.js').Level[]} */
const LEVELS = ['debug', 'info', 'warn', 'error'];

/** What the client's own lines begin with. */
const OWN_LINE = 'beaconry: ';

/** @typedef {(args: any[], about: { context: object, source: 'logger' | 'console', above: Function }) => void} SendLine */
/** @typedef {{ line: Record<string, SendLine | undefined>, metric: import('./index.js').Telemetry['metric'], event: import('./index.js').Telemetry['event'] }} Sink */

/** Where events go; none while nothing is installed, or telemetry is off. @type {Sink | undefined} */
let sink;

/** The least important level that is shown; none are above the last. */
let shown = 0;

/** While a line is being shown or sent: what comes back to us meanwhile is neither. */
let isBusy = false;

let uninstall = () => {};

export const logger = child({});

/** @type {typeof import('./logger.js').install} */
export function install(telemetry, { level = 'debug', send = 'warn', console: captured = [], scrub } = {}) {
  uninstall(); // the one before
  const mine = makeSink(telemetry, send, cleaner(scrub));
  shown = level === 'silent' ? LEVELS.length : LEVELS.indexOf(level);
  const isOn = telemetry.stats().mode !== 'off';
  if (isOn) sink = mine;
  const undo = isOn ? captured.filter((name) => mine.line[name]).map((name) => capture(name, mine)) : [];
  const ours = (uninstall = () => {
    undo.forEach((each) => each());
    if (sink === mine) sink = undefined;
    if (uninstall !== ours) return;
    shown = 0;
    uninstall = () => {};
  });
  return ours;
}

/**
 * @param {object} context
 * @returns {import('./logger.js').Logger}
 */
function child(context) {
  /**
   * @param {string} level
   * @returns {(...args: any[]) => void}
   */
  const both = (level) =>
    function line(...args) {
      show(level, args);
      quietly(() => sink?.line[level]?.(args, { context, source: 'logger', above: line }));
    };
  // These two may be only shown; then the console's own function does it, with the caller's line everywhere.
  const [debug, info, warn, error] = LEVELS.map(both);
  return {
    get debug() {
      return sink?.line.debug ? debug : bound('debug');
    },
    get info() {
      return sink?.line.info ? info : bound('info');
    },
    warn,
    error,
    perf(name, value, data) {
      show('debug', data === undefined ? [name, value] : [name, value, data]);
      quietly(() => sink?.metric(name, value, { unit: 'ms', ...context, ...data }));
    },
    action(name, data) {
      show('info', data === undefined ? [name] : [name, data]);
      quietly(() => sink?.event(name, { ...context, ...data }));
    },
    child: (more) => child({ ...context, ...more }),
  };
}

/**
 * The console's own function for a level; one that does nothing where the level is not shown.
 * @param {string} level
 * @returns {(...args: any[]) => void}
 */
function bound(level) {
  const { console } = /** @type {any} */ (globalThis);
  return LEVELS.indexOf(/** @type {any} */ (level)) < shown ? () => {} : console[level].bind(console);
}

/**
 * @param {string} level
 * @param {any[]} args
 */
function show(level, args) {
  const busy = isBusy;
  isBusy = true;
  // Not by `attempt`: where the stack has no room for it, the logger would be mute from then on.
  try {
    bound(level)(...args);
  } catch {}
  isBusy = busy;
}

/**
 * Sends, unless it is said while another line is: by a getter of that line's, or by a console that logs.
 * @param {() => void} send
 */
function quietly(send) {
  if (isBusy) return;
  isBusy = true;
  try {
    send();
  } catch {}
  isBusy = false;
}

/**
 * Sends what is written to the console directly, too.
 * @param {string} level
 * @param {Sink} to
 */
const capture = (level, to) =>
  patch(globalThis.console, level, (original, self, args, above) => {
    original.apply(self, args);
    if (typeof args[0] === 'string' && args[0].startsWith(OWN_LINE)) return;
    quietly(() => to.line[level]?.(args, { context: {}, source: 'console', above }));
  });

/**
 * @param {import('./index.js').Telemetry} telemetry
 * @param {import('./logger.js').Level} least the least important level that is sent
 * @param {import('./shared/addresses.js').Cleaner} clean
 * @returns {Sink}
 */
function makeSink(telemetry, least, clean) {
  const damp = damper(telemetry);
  /** @type {Sink} */
  const made = {
    line: {},
    metric: (name, value, data) => counted(damp(`perf ${name}`), data, (all) => telemetry.metric(name, value, all)),
    event: (name, data) => counted(damp(`action ${name}`), data, (all) => telemetry.event(name, all)),
  };
  for (const level of LEVELS.slice(LEVELS.indexOf(least))) {
    made.line[level] = (args, { context, source, above }) => {
      const { text, thrown, data } = read(args, clean);
      const error = thrown && describe(thrown, clean);
      counted(damp(`${level} ${text} ${error?.message}`), { source, ...context, ...data }, (all) => {
        if (level !== 'error') telemetry.log(level, text, error ? { error, ...all } : all);
        else if (error) telemetry.error(error, text ? { log: text, ...all } : all);
        else telemetry.error({ name: 'Error', message: text, stack: clean.text(stackAbove(above)) }, all);
      });
    };
  }
  return made;
}

/**
 * Sends an event that stands for `count` lines, if it is to be sent.
 * @param {number} count
 * @param {object | undefined} data
 * @param {(data: object | undefined) => void} send
 */
function counted(count, data, send) {
  if (count) send(count > 1 ? { ...data, count } : data);
}

/**
 * What a line says: its text, the first error, the members of its plain objects, and what other objects there are.
 * @param {any[]} args
 * @param {import('./shared/addresses.js').Cleaner} clean
 */
function read(args, clean) {
  /** @type {string[]} */
  const texts = [];
  /** @type {Record<string, any>} */
  const data = {};
  const values = [];
  /** @type {any} */
  let thrown;
  for (const value of format(args)) {
    if (typeof value !== 'object' || value === null) texts.push(String(value));
    else if (isErrorLike(value) && !thrown) thrown = value;
    // Where a getter throws, the serialiser says so.
    else if (!isRecord(value) || !attempt(() => Object.assign(data, value))) values.push(value);
  }
  if (values.length) data.values = values;
  return { text: clean.text(texts.join(' ')), thrown, data };
}

/**
 * Puts values where a format string wants them (Console Standard, 2.2); objects stay, for their members.
 * @param {any[]} args
 */
function format(args) {
  const [first, ...rest] = args;
  if (typeof first !== 'string') return args;
  /** @type {object[]} */
  const objects = [];
  const text = first.replace(/%[sdifoOc%]/g, (sign) => {
    if (sign === '%%') return '%';
    if (!rest.length) return sign;
    const value = rest.shift();
    if (sign === '%c') return ''; // a style
    if (typeof value !== 'object' || value === null) return String(value);
    objects.push(value);
    return isErrorLike(value) ? value.message : '{…}';
  });
  return [text, ...objects, ...rest];
}

/**
 * The stack above a function of ours, where the engine can tell: V8, JavaScriptCore, SpiderMonkey since 138.
 * @param {Function} above
 */
function stackAbove(above) {
  const error = new Error();
  /** @type {any} */ (Error).captureStackTrace?.(error, above);
  return error.stack ?? '';
}

/** @param {object} value */
function isRecord(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
