/**
 * Turns anything into one bounded line of JSON, and never throws.
 *
 * Plain data (strings, finite numbers, booleans, null, arrays, plain objects at most 8 deep) that fits is exactly what
 * `JSON.stringify` makes of it. Everything else is copied first, member by member, in these forms:
 *
 * | value | form |
 * | --- | --- |
 * | `undefined` | left out; null in an array |
 * | NaN, ±Infinity | `"NaN"`, `"Infinity"`, `"-Infinity"` |
 * | BigInt | its digits, as a string |
 * | symbol | `"Symbol(name)"` |
 * | function | `"[function]"` |
 * | Error | `{name, message, stack, cause, errors}` and its own members |
 * | Map, Set | an array, of pairs or of values |
 * | typed array, NodeList, whatever has a length | an array |
 * | DOM node | `"DIV"` |
 * | what has `toJSON` (Date, URL) | what that gives |
 * | another object without members of its own | its `String(…)` |
 * | an object inside itself | `"[circular]"` |
 * | deeper than 8 | `"[deep]"` |
 * | what throws when read | `"[threw]"` |
 * | what does not get smaller | `"…"` |
 *
 * What then does not fit is cut: a string ends in `"… 123 more"` (UTF-16 units), an array or object gets a last member
 * `"… 123 more"` (members). In such a copy no string is longer than 8,192 units. A lone surrogate travels as its escape.
 */

/** @type {(name: string, value: number, data: unknown) => object} */
const measured = (name, value, data) => merge({ name, value }, data);

/**
 * What the arguments of each method say of an event. A method's name is the type of its events.
 * @type {Record<string, (...args: any[]) => object>}
 */
const CALLS = {
  log: (level, message, data) => merge({ level, message }, data),
  error: (error, data) => ({ handled: true, ...merge(errorData(error), data) }),
  metric: measured,
  event: (name, data) => merge({ name }, data),
  vital: measured,
};

/** The types an event may have. */
export const TYPES = Object.keys(CALLS);

/** Bytes of UTF-8 of one event line: the protocol's limit, so that the core never finds one too large. */
const LINE_BYTES = 32_768;

/** How deep objects nest before a marker takes their place: enough for state trees, short for React's. */
const DEPTH = 8;

/** UTF-16 units of a string that is copied: a stack of 100 frames fits. */
const STRING_UNITS = 8_192;

/** @param {string} text */
export const encode = (text) => new TextEncoder().encode(text);

/**
 * The bytes of `text` in UTF-8. Nearly all texts are ASCII: a search for what is not is much cheaper than an encoder, where it is
 * written as a class of what is sought.
 * @param {string} text
 */
export const utf8 = (text) => (/[\x80-\uffff]/.test(text) ? encode(text) : text).length;

/**
 * An event as it waits to be numbered.
 * @typedef {object} Entry
 * @property {string} line as it travels: `{"type":"log","ts":1763877600123,"data":{…}}`, without a newline, at most 32 KiB
 * @property {number} bytes of it in UTF-8
 * @property {boolean} high an error's: written at once, and sent soon
 */

/**
 * An unknown type becomes an `event` whose `name` it is. Data that is no object becomes `{"value": data}`; none, `{}`.
 * @param {any} type log, error, metric, event or vital
 * @param {unknown} data
 * @returns {Entry}
 */
export function toEntry(type, data) {
  if (!TYPES.includes(type)) {
    data = merge({ name: type }, data);
    type = 'event';
  }
  let text = json(data, LINE_BYTES - 64); // for what stands around it
  if (text[0] !== '{') text = text === 'null' ? '{}' : `{"value":${text}}`;
  const line = `{"type":"${type}","ts":${Date.now()},"data":${text}}`;
  // Of ASCII but for the text, which is one piece: to look through the line would copy it.
  return { line, bytes: line.length + utf8(text) - text.length, high: type === 'error' };
}

/**
 * The entry of a call such as `log(level, message, data)`.
 * @param {string} method log, error, metric, event or vital
 * @param {unknown} a
 * @param {unknown} [b]
 * @param {unknown} [c]
 */
export const callEntry = (method, a, b, c) => toEntry(method, CALLS[method](a, b, c));

/**
 * What `call` gives; nothing where it throws, as blocked storages and getters of the app's do.
 * @template T
 * @param {() => T} call
 */
export function attempt(call) {
  try {
    return call();
  } catch {}
}

/** UTF-16 units left for the value being written: one call, one value, so one variable will do. */
let room = 0;

/**
 * `value` as JSON of at most `bytes` bytes of UTF-8; `null` for what JSON leaves out.
 * @param {unknown} value
 * @param {number} bytes at least 256
 */
export function json(value, bytes) {
  const outer = room; // a getter of the outer value may have called track
  room = bytes;
  // Where a getter throws, the copy says so.
  let text;
  try {
    text = isPlain(value, 0) && (JSON.stringify(value) ?? 'null');
  } catch {}
  for (let units = bytes; !text || utf8(text) > bytes; units >>= 1) {
    room = units;
    // A page may have a `toJSON` for all arrays, which nothing makes fit.
    text = units ? (JSON.stringify(copy([value], 0, [])) ?? 'null') : '"…"';
  }
  room = outer;
  return text;
}

/**
 * `head` and the members of `data` in one object. The head's members win: data cannot rename an event. Data that is no
 * plain object becomes the member `data`.
 * @param {object} head
 * @param {any} data
 */
function merge(head, data) {
  // Where a getter throws: as a member of its own it is copied with care. A spread behind other members takes longer, and
  // makes an object that takes `JSON.stringify` longer. (But it keeps a member named __proto__, which only parsed JSON can have.)
  return attempt(() => isRecord(data) && Object.assign({}, head, data, head)) || { ...head, data };
}

/**
 * What an `error` event says of whatever can be thrown.
 * @param {unknown} error
 * @returns {object}
 */
function errorData(error) {
  const outer = room;
  room = LINE_BYTES / 2; // the rest is the app's
  const form = copy([error], 0, []);
  room = outer;
  if (typeof form?.message === 'string') return form;
  return { message: typeof error === 'string' ? error : json(error, 1_024) };
}

/**
 * Whether `JSON.stringify` tells all of `value`, and in a bounded time.
 * @param {any} value
 * @param {number} depth
 * @returns {boolean}
 */
function isPlain(value, depth) {
  if (typeof value === 'string') return (room -= value.length) > 0;
  if (isSimple(value)) return true;
  // A hole of an array takes as much as a null.
  if (depth > DEPTH || !(Array.isArray(value) ? (room -= value.length) > 0 : isRecord(value))) return false;
  for (const key in value) if ((room -= key.length + 4) < 0 || !isPlain(value[key], depth + 1)) return false;
  return true;
}

/** @param {any} value */
const isSimple = (value) => value == null || value === !!value || Number.isFinite(value);

/** @param {any} value */
const isRecord = (value) => typeof value === 'object' && (Object.getPrototypeOf(value) ?? Object.prototype) === Object.prototype;

/**
 * A copy of a member that `JSON.stringify` tells all of.
 * @param {any} holder
 * @param {any} key
 * @param {object[]} path the objects around it
 * @returns {any}
 */
function copy(holder, key, path) {
  try {
    return form(holder[key], path);
  } catch {
    return '[threw]';
  }
}

/**
 * @param {any} value
 * @param {object[]} path
 * @returns {any}
 */
function form(value, path) {
  if (typeof value === 'string') return cut(value);
  if (isSimple(value)) return value;
  if (typeof value === 'function') return '[function]';
  if (typeof value !== 'object') return cut(String(value)); // NaN, bigint, symbol
  if (path.includes(value)) return '[circular]';
  if (path.length > DEPTH) return '[deep]';
  path = [...path, value];
  // What an error's class hides, and what the app has added.
  if (isError(value)) return members(value, ['name', 'message', 'stack', 'cause', 'errors', ...Object.keys(value)], path);
  const isClass = !isRecord(value);
  if (isClass && value.nodeName) return cut(value.nodeName);
  if (isClass && value.length >= 0) return members(value, undefined, path);
  if (typeof value.toJSON === 'function') return form(value.toJSON(), path);
  if (value instanceof Map || value instanceof Set) return members([...value], undefined, path);
  const keys = Object.keys(value);
  return isClass && !keys.length ? cut(String(value)) : members(value, keys, path);
}

/**
 * A copy of an object's `keys`, or of an array where there are none.
 * @param {any} value
 * @param {string[] | undefined} keys
 * @param {object[]} path
 */
function members(value, keys, path) {
  // Without a prototype, so that a member named __proto__ is one like any other.
  const out = keys ? Object.create(null) : [];
  const { length } = keys ?? value;
  for (let at = 0; at < length; at++) {
    if (room < 1) {
      out[keys ? '…' : at] = `… ${length - at} more`;
      break;
    }
    room -= 8; // so that many small members are bounded too
    out[keys ? cut(keys[at]) : at] = copy(value, keys?.[at] ?? at, path);
  }
  return out;
}

/**
 * As much of `text` as there is room for.
 * @param {string} text
 */
function cut(text) {
  const end = Math.max(Math.min(room, STRING_UNITS, text.length), 0);
  room -= end;
  return text.length > end ? `${text.slice(0, end)}… ${text.length - end} more` : text;
}

/** @param {unknown} value of any window */
const isError = (value) => /Error|DOMException/.test(Object.prototype.toString.call(value));
