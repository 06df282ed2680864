import { NEVER } from '../messages.js';
import { alarm } from './timer.js';

/** Never `unload`: it costs the back/forward cache everywhere. */
const OF_WINDOW = ['beforeunload', 'pagehide', 'pageshow', 'online', 'offline'];
const OF_DOCUMENT = ['visibilitychange', 'freeze'];

/**
 * A page that is still there so long after `beforeunload` stays, in ms: it was a download, or a dialog. Shorter than what has no
 * lock is left alone.
 */
const STAYS_MS = 5_000;

/** @typedef {{ type: string, persisted?: boolean }} PageEvent */

export const isHidden = () => globalThis.document?.hidden;

/**
 * Listens to the page's life, until the function that it gives is called. With `beforeunload` the page is gone, for Firefox decides
 * then whether its cache takes it; one that stays is shown again, as out of the cache.
 * @param {(event: PageEvent) => void} heard
 */
export function listen(heard) {
  const stayIn = alarm(() => heard({ type: 'pageshow', persisted: true }));
  const hear = (/** @type {Event & PageEvent} */ event) => {
    if (event.type === 'beforeunload') stayIn(STAYS_MS);
    else if (event.type === 'pagehide') stayIn(NEVER);
    heard(event);
  };
  const each = (/** @type {'addEventListener' | 'removeEventListener'} */ act) => {
    for (const type of OF_WINDOW) globalThis[act](type, /** @type {EventListener} */ (hear));
    for (const type of OF_DOCUMENT) globalThis.document?.[act](type, /** @type {EventListener} */ (hear));
  };
  each('addEventListener');
  return () => {
    stayIn(NEVER);
    each('removeEventListener');
  };
}
