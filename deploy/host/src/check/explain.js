import { EXIT, Failure, codeOf, messageOf } from '../failure.js';

/** @typedef {import('./request.js').Answer} Answer */

/** Characters of an answer that are shown. */
const SHOWN = 160;

/**
 * Why no answer came.
 * @param {URL} url
 * @param {unknown} error of `ask`
 */
export function explainError(url, error) {
  const code = String(codeOf(error) ?? '');
  const [why, next] = NETWORK[code] ?? tls(code) ?? [messageOf(error), 'check the address in VITE_TELEMETRY_URL'];
  return new Failure(`cannot reach ${url.host}: ${why}`, next, EXIT.connection);
}

/** @type {Record<string, [string, string]>} */
const NETWORK = {
  ENOTFOUND: ['there is no host of that name', 'check the address in VITE_TELEMETRY_URL, and the DNS entry'],
  EAI_AGAIN: ['the name cannot be looked up', 'check this machine\'s network'],
  ECONNREFUSED: ['nothing listens there', 'check the port in VITE_TELEMETRY_URL, and that the web server runs'],
  ETIMEDOUT: ['it did not answer in time', 'try again; if it stays so, is the host up? If it is only slow, raise TELEMETRY_TIMEOUT (seconds)'],
  ECONNRESET: ['the connection was cut', 'does something else than HTTP listen there, or did PHP crash? The host\'s error log tells'],
  EPROTO: ['it does not speak TLS at that port', 'write http:// or the right port in VITE_TELEMETRY_URL'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['it does not speak TLS at that port', 'write http:// or the right port in VITE_TELEMETRY_URL'],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ['it does not speak TLS at that port', 'write http:// or the right port in VITE_TELEMETRY_URL'],
};

/**
 * @param {string} code
 * @returns {[string, string] | undefined}
 */
function tls(code) {
  if (code === 'CERT_HAS_EXPIRED') return ['its certificate has expired', 'renew it in the host\'s panel: browsers refuse it too'];
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return ['its certificate is for another name', 'use the name that it is for, or get one for this name in the host\'s panel'];
  }
  if (code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') {
    return ['its certificate comes without those in between', 'install the full chain: some browsers refuse it too'];
  }
  if (!/CERT|SSL|TLS/.test(code)) return undefined;
  const next = 'get one from a public authority; for one of your own, NODE_EXTRA_CA_CERTS names it here, but browsers need it too';
  return [`its certificate is not trusted (${code})`, next];
}

/**
 * What is wrong with an answer that is not the protocol's 200.
 * @param {URL} url
 * @param {Answer} answer
 */
export function explainAnswer(url, answer) {
  const { status, text, json } = answer;
  const told = typeof json?.message === 'string' ? json.message : undefined;
  const [why, next] = told ? ours(status, told) : foreign(url, answer);
  return new Failure(`${url.host} answers ${status}: ${why ?? shown(text)}`, next);
}

/**
 * An answer of the collector or of the drop-in: it says itself what is wrong.
 * @param {number} status
 * @param {string} told
 * @returns {[string, string]}
 */
function ours(status, told) {
  return [told, NEXT[status] ?? (status >= 500 ? SERVER : 'compare the versions of beaconry here and there')];
}

const SERVER = 'mend what it says on the host, then run telemetry:check again; the clients keep their events until then';

/** @type {Record<number, string>} */
const NEXT = {
  401: 'compare VITE_TELEMETRY_TOKEN with the keys in config.php (or the collector\'s --key)',
  403: 'add the page\'s origin to config.php (or the collector\'s --origin): scheme, host and port, no path',
  404: 'VITE_TELEMETRY_URL has another path: …/ingest.php for PHP, …/v1/events for the collector',
  405: 'VITE_TELEMETRY_URL has another path: …/ingest.php for PHP, …/v1/events for the collector',
  410: 'the key is switched off there: set its phase to ENABLED in config.php, or by `beaconry phase`',
  429: 'wait as long as it says, or raise the limit there',
};

/**
 * An answer of something else: a proxy, a web server, PHP itself.
 * @param {URL} url
 * @param {Answer} answer
 * @returns {[string | undefined, string]}
 */
function foreign(url, { status, headers, text }) {
  if (text.trimStart().startsWith('<?php')) {
    return ['the source of the PHP file comes instead of its answer', 'switch PHP on for this folder in the host\'s panel (8.1 or later)'];
  }
  if (status >= 300 && status < 400) {
    const to = headers.location ?? 'elsewhere';
    return [`it sends on to ${to}`, `set VITE_TELEMETRY_URL to where it ends (${to}): browsers lose what they send on the way`];
  }
  if (status === 404) return ['nothing is at that path', `upload by deploy:telemetry, or correct ${url.pathname} in VITE_TELEMETRY_URL`];
  if (status === 401) return ['the web server asks for a login', 'take the password protection off this folder: browsers send none'];
  if (status === 403) return ['the web server forbids it', 'check the permissions of the folder and its files (755 and 644), .htaccess, and mod_security'];
  if (status === 413) return ['the web server takes no bodies of this size', 'raise its limit to 1 MB'];
  if (status === 429) return ['too many requests', 'wait, then try again'];
  const fatal = /(?:Fatal|Parse) error:\s*(.+?)(?: in .*)?$/im.exec(text.replace(/<[^>]+>/g, ''));
  if (fatal) return [`PHP fails: ${fatal[1]}`, 'check that the host runs PHP 8.1 or later with pdo_sqlite, then run deploy:telemetry again'];
  if (status >= 500) return [undefined, 'read the host\'s PHP error log; the usual reasons: PHP older than 8.1, a missing extension, a line in .htaccess that the host forbids'];
  const isPage = /^\s*<(?:!doctype|html)/i.test(text);
  return [
    isPage ? `a web page comes instead of the answer: ${shown(text)}` : undefined,
    'something else answers: a proxy, a login page, an app\'s catch-all route; correct VITE_TELEMETRY_URL',
  ];
}

/** @param {string} text */
function shown(text) {
  const title = /<title>([^<]*)/i.exec(text)?.[1];
  const bare = (title ?? text).replace(/\s+/g, ' ').trim();
  return bare ? JSON.stringify(bare.slice(0, SHOWN)) : 'an empty body';
}
