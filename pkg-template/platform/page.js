/** Never `unload`: it costs the back/forward cache everywhere. */
const OF_WINDOW = ['beforeunload', 'pagehide', 'pageshow', 'online', 'offline'];
const OF_DOCUMENT = ['visibilitychange', 'freeze'];

export const isHidden = () => globalThis.document?.visibilityState === 'hidden';

/**
 * Listens to the page's life, until the function that it gives is called.
 * @param {(event: any) => void} heard
 */
export function listen(heard) {
  const each = (/** @type {'addEventListener' | 'removeEventListener'} */ act) => {
    for (const type of OF_WINDOW) globalThis[act](type, heard);
    for (const type of OF_DOCUMENT) globalThis.document?.[act](type, heard);
  };
  each('addEventListener');
  return () => each('removeEventListener');
}
