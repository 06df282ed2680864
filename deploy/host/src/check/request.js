/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Headers} headers
 * @property {string} text
 * @property {any} json undefined where the text is none
 */

/** More of an answer is not read: it is none of ours. */
const MAX_TEXT = 65_536;

/**
 * Sends as a page does: text/plain, so that no browser asks ahead.
 * @param {URL} endpoint
 * @param {{ key: string, stream: string, now: number, body: string, origin?: string | undefined, timeout: number }} what
 * @returns {Promise<Answer>} rejects as fetch does
 */
export function send(endpoint, { key, stream, now, body, origin, timeout }) {
  const url = new URL(endpoint);
  url.searchParams.set('key', key);
  url.searchParams.set('stream', stream);
  url.searchParams.set('now', String(now));
  const headers = { 'content-type': 'text/plain;charset=UTF-8', ...(origin && { origin }) };
  return ask(url, { method: 'POST', headers, body }, timeout);
}

/**
 * @param {URL} url
 * @param {RequestInit} init
 * @param {number} timeout in ms
 * @returns {Promise<Answer>}
 */
export async function ask(url, init, timeout) {
  // A redirect turns a POST into a GET: the browser would lose the events.
  const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(timeout) });
  const text = (await response.text()).slice(0, MAX_TEXT);
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
