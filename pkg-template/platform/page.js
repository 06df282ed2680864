import { json } from '../serialize.js';
import { BACK, GONE, HIDDEN, LEAVING, OFFLINE, ONLINE, SHOWN } from './told.js';

/** Characters of a path and of a user's id, and bytes of a context: they are repeated in every batch. */
const PAGE_UNITS = 512;
const USER_UNITS = 256;
const CONTEXT_BYTES = 1_024;

/** @type {Record<string, number>} Never `unload`: it costs the back/forward cache everywhere. */
const OF_WINDOW = { beforeunload: LEAVING, pagehide: GONE, pageshow: BACK, online: ONLINE, offline: OFFLINE };

const isHidden = () => globalThis.document?.visibilityState === 'hidden';

/**
 * The page: its life, its path, and what the app says of who uses it.
 * @param {import('../index.js').TelemetryOptions} options
 * @param {import('./host.js').Tell} tell
 */
export function page(options, tell) {
  /** @type {string | undefined} */
  let seen;
  /** @type {string | undefined} */
  let user;
  /** @type {object | undefined} */
  let context;
  let told = ''; // the members

  /** @param {Event & { persisted?: boolean }} event */
  function heard({ type, persisted }) {
    // The first pageshow is no return.
    if (type !== 'pageshow' || persisted) tell(OF_WINDOW[type] ?? (type === 'freeze' || isHidden() ? HIDDEN : SHOWN));
  }

  return {
    /** Listens to the page's life, or no more. */
    listen(/** @type {boolean} */ on) {
      const act = on ? 'addEventListener' : 'removeEventListener';
      for (const type of ['visibilitychange', 'freeze']) globalThis.document?.[act](type, heard);
      for (const type in OF_WINDOW) globalThis[act](type, heard);
      if (on && isHidden()) tell(HIDDEN);
    },

    /**
     * The members of the batch lines from now on, as raw JSON; nothing where they are as before. The path stands without
     * query and fragment: those may hold what is nobody's business.
     */
    members() {
      const now = options.page ?? globalThis.location?.href ?? ''; // as one text it is cheap to ask for
      if (now === seen) return;
      seen = now;
      const path = options.page ?? globalThis.location?.pathname ?? '';
      const text = JSON.stringify({ page: path.slice(0, PAGE_UNITS), user, context }).slice(1, -1);
      if (text !== told) return (told = text);
    },

    /** @param {unknown} id a string, or nobody */
    setUser(id) {
      user = (typeof id === 'string' && id.slice(0, USER_UNITS)) || undefined;
      seen = undefined;
    },

    /** @param {unknown} value an object, or none */
    setContext(value) {
      const text = json(value, CONTEXT_BYTES);
      context = text[0] === '{' ? JSON.parse(text) : undefined;
      seen = undefined;
    },
  };
}
