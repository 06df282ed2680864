// Which addresses are the client's own, and what of the others may be stored.
import { attempt } from './patch.js';

/** A request of the client, wherever its collector is: the query that the protocol gives it. */
const OWN_REQUEST = /[?&]key=[^&#]*&stream=[\w-]{22}&now=\d+$/;

/** The client's files: the package's folder, and what bundlers make of the parts that it loads later. */
const OWN_FILE = /\/beaconry(@[\w.-]+)?\/|\/(beaconry(_bg)?|takeover)\b[\w.-]*\.(js|wasm)([?#]|$)/;

/** An address in a text, such as a stack's: up to what can stand behind one. */
const IN_TEXT = /https?:\/\/[^\s)'"<>]+/g;

/** Of it, the host with its port, the rest, and the line and column that a stack puts behind. */
const PARTS = /^(https?:\/\/[^/?#]*)(.*?)((?::\d+){0,2})$/;

/** Characters of an address that are stored: longer ones hold data, not a place. */
const UNITS = 1_024;

/** @param {string} address */
export const isOwnRequest = (address) => OWN_REQUEST.test(address);

/** @param {string} address */
export const isOwnFile = (address) => OWN_FILE.test(address);

/**
 * Cleans addresses. By default nothing is left of query, fragment, user and password, and an address of the page's own origin
 * is its path: the rest may be nobody's business.
 * @param {(address: string) => string} [scrub] decides instead what of an absolute address is stored
 */
export function cleaner(scrub) {
  /**
   * @param {unknown} address absolute, or as the page's base has it
   * @returns {string} empty where it is none
   */
  const address = (address) => {
    const url = attempt(() => new URL(`${address}`, document.baseURI));
    if (!url) return '';
    return attempt(() => `${(scrub ? scrub(url.href) : place(url)) || ''}`.slice(0, UNITS)) ?? '';
  };

  /** @param {string} found in a text: there it stays absolute, for those who look up its line */
  const inText = (found) => {
    const [, host, rest, line] = PARTS.exec(found) ?? [];
    if (host === undefined) return '';
    return (scrub ? address(host + rest) : host.replace(/\/\/.*@/, '//') + rest.replace(/[?#].*/, '')) + line;
  };

  return {
    address,
    /** @param {string} text such as a message or a stack */
    text: (text) => text.replace(IN_TEXT, inText),
  };
}

/** @typedef {ReturnType<typeof cleaner>} Cleaner */

/** @param {URL} url */
function place({ protocol, origin, pathname }) {
  if (!/^(https?|wss?):$/.test(protocol)) return protocol; // data: and blob: hold content
  return origin === location.origin ? pathname : origin + pathname;
}
