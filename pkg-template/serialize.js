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
 * | what does not get smaller, or cannot be written | `"…"` |
 *
 * What then does not fit is cut: a string ends in `"… 123 more"` (UTF-16 units), an array or object gets a last member
 * `"… 123 more"` (members). In such a copy no string is longer than 8,192 units. A lone surrogate travels as its escape.
 */

/** Bytes of UTF-8 of one event line: the protocol's limit, so that the core never finds one too large. */
const LINE_BYTES = 32_768;

/** How deep objects nest before a marker takes their place: enough for state trees, short for React's. */
const DEPTH = 8;

/** UTF-16 units of a string that is copied: a stack of 100 frames fits. */
const STRING_UNITS = 8_192;

/** @type {(name: string, value: number, data: unknown) => [object, unknown]} */
const measured = (name, value, data) => [{ name, value }, data];

/**
 * What the arguments of each method say of an event: members of its own, and the app's data. A method's name is the type of its
 * events.
 * @type {Record<string, (...args: any[]) => [object, any]>}
 */
const CALLS = {
  log: (level, message, data) => [{ level, message }, data],
  error: (error, data) => [{ handled: attempt(() => data?.handled) ?? true, ...errorData(error) }, data],
  metric: measured,
  event: (name, data) => [{ name }, data],
  vital: measured,
};

/** The types an event may have. */
export const TYPES = Object.keys(CALLS);

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
 * @property {string} line as it travels: `{"type":"log","ts":1763877600123,"data":{…}}` and its line break
 * @property {number} bytes of it in UTF-8, at most 32 KiB, without the line break
 * @property {boolean} high an error's: written at once, and sent soon
 */

/** What the last line began with, and the type and time that it told: in a burst the next begins alike. */
/** @type {string} */
let start;
/** @type {string} */
let kind;
/** @type {number} */
let at;

/**
 * An unknown type becomes an `event` whose `name` it is. Data that is no object becomes `{"value": data}`; none, `{}`.
 * @param {any} type log, error, metric, event or vital
 * @param {unknown} data
 * @param {object} [head] the members of it that are the call's own
 * @returns {Entry}
 */
export function toEntry(type, data, head) {
  if (!head && !TYPES.includes(type)) return callEntry('event', type, data);
  let text = json(data, LINE_BYTES - 64, head); // for what stands around it
  const more = size - text.length - 1; // what is not ASCII, less the line break
  if (text[0] !== '{') text = text === 'null' ? '{}' : `{"value":${text}}`;
  const now = Date.now();
  if (now !== at || type !== kind) start = `{"type":"${(kind = type)}","ts":${(at = now)},"data":`;
  const line = `${start}${text}}\n`;
  return { line, bytes: line.length + more, high: type === 'error' };
}

/**
 * The entry of a call such as `log(level, message, data)`. Its own members win: data cannot rename an event. Data that is no
 * plain object becomes the member `data`.
 * @param {string} method log, error, metric, event or vital
 * @param {unknown} a
 * @param {unknown} [b]
 * @param {unknown} [c]
 * @returns {Entry}
 */
export function callEntry(method, a, b, c) {
  const [head, data] = CALLS[method](a, b, c);
  let all;
  try {
    // Data first: a spread behind other members takes longer. Events come in bursts, and a member takes less than a second spread.
    if (isRecord(data)) all = method === 'event' ? { ...data, name: a } : { ...data, ...head };
  } catch {} // a getter: in a member of its own it is copied with care
  // Outside: where an app's toJSON tracks itself until the stack ends, each level would serialise twice.
  return toEntry(method, all ?? { ...head, data }, head);
}

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

/** UTF-16 units left for the value being written: one call, one value, so one variable will do. @type {number} */
let room;

/** Bytes of UTF-8 of what `json` has given last: spares a second look through the text. @type {number} */
let size;

/**
 * `value` as JSON of at most `bytes` bytes of UTF-8; `null` for what JSON leaves out.
 * @param {any} value
 * @param {number} bytes at least 256
 * @param {object} [head] members of it that stand first where it has to be cut, for it is cut at its end
 */
export function json(value, bytes, head) {
  const outer = room; // a getter of the outer value may have called track
  // Where a getter throws, the copy says so.
  let text;
  try {
    text = (typeof value === 'string' ? value.length < bytes : plain(value, bytes, 0) > 0) && JSON.stringify(value);
  } catch {}
  for (let units = bytes; !text || (size = utf8(text)) > bytes; units >>= 1) {
    room = units;
    // A page may have a `toJSON` for all arrays, which nothing makes fit, or which throws; or the stack is used up.
    text = (units && attempt(() => JSON.stringify(copy([head ? { ...head, ...value } : value], 0)) ?? 'null')) || '"…"';
  }
  room = outer;
  return text;
}

/**
 * What an `error` event says of whatever can be thrown.
 * @param {unknown} error
 * @returns {object}
 */
function errorData(error) {
  const outer = room;
  room = LINE_BYTES / 2; // the rest is the app's
  const form = copy([error], 0);
  room = outer;
  if (typeof form?.message === 'string') return form;
  return { message: typeof error === 'string' ? error : json(error, 1_024) };
}

/**
 * What is left of `room`, in UTF-16 units, behind `value`, if `JSON.stringify` tells all of it, and in a bounded time; else none.
 * @param {any} value
 * @param {number} room
 * @param {number} depth
 * @returns {number}
 */
function plain(value, room, depth) {
  const isArray = Array.isArray(value);
  if (depth > DEPTH || !(isArray || isRecord(value))) return 0;
  if (isArray && (room -= value.length) < 1) return 0; // a hole takes as much as a null
  for (const key in value) {
    const member = value[key];
    room -= key.length + 4;
    if (typeof member === 'string') room -= member.length;
    else if (!isSimple(member)) room = plain(member, room, depth + 1);
    if (room < 1) return 0;
  }
  return room;
}

/** @param {any} value */
const isSimple = (value) => value == null || value === !!value || Number.isFinite(value);

/** @param {any} value */
const isRecord = (value) => typeof value === 'object' && (Object.getPrototypeOf(value) ?? Object.prototype) === Object.prototype;

/**
 * A copy of a member that `JSON.stringify` tells all of.
 * @param {any} holder
 * @param {any} key
 * @param {object[]} [path] the objects around it
 * @returns {any}
 */
function copy(holder, key, path = []) {
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
  if (isError(value)) return members(value, path, ['name', 'message', 'stack', 'cause', 'errors', ...Object.keys(value)]);
  const isClass = !isRecord(value);
  if (isClass && value.nodeName) return cut(String(value.nodeName));
  if (isClass && value.length >= 0) return members(value, path);
  if (typeof value.toJSON === 'function') return form(value.toJSON(), path);
  if (value instanceof Map || value instanceof Set) return members([...value], path);
  const keys = Object.keys(value);
  return isClass && !keys.length ? cut(String(value)) : members(value, path, keys);
}

/**
 * A copy of an object's `keys`, or of an array where there are none.
 * @param {any} value
 * @param {object[]} path
 * @param {string[]} [keys]
 */
function members(value, path, keys) {
  // Without a prototype, so that a member named __proto__ is one like any other.
  const out = keys ? Object.create(null) : [];
  const { length } = keys ?? value;
  for (let at = 0; at < length; at++) {
    if (room < 1) {
      out[keys ? '…' : at] = `… ${length - at} more`;
      return out;
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
const isError = (value) => /Error|DOMException/.test({}.toString.call(value));
