import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string} text
 * @property {any} json undefined where the text is none
 */

/** Of no answer within the time. */
export const TIMED_OUT = 'ETIMEDOUT';

/**
 * Sends as a page does: text/plain, so that no browser asks ahead.
 * @param {URL} endpoint
 * @param {{ key: string, stream: string, now: number, body: string, origin?: string | undefined, timeout: number }} what
 * @returns {Promise<Answer>}
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
 * One request, and its answer as it comes: a redirect is one. Not by `fetch`: that tries for ever where a server hangs up.
 * @param {URL} url
 * @param {{ method: string, headers?: Record<string, string>, body?: string }} what
 * @param {number} timeout in ms
 * @returns {Promise<Answer>} rejects with an error that has a code
 */
export function ask(url, { method, headers, body = '' }, timeout) {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === 'https:' ? https : http;
    // A connection of its own: one that is kept may be closed just now.
    const asked = request(url, { method, agent: false, headers: { ...headers, 'content-length': Buffer.byteLength(body) } });
    const late = Object.assign(new Error('no answer in time'), { code: TIMED_OUT });
    const timer = setTimeout(() => asked.destroy(late), timeout);
    const settle = (/** @type {() => void} */ how) => (clearTimeout(timer), how());
    asked.on('error', (error) => settle(() => reject(error)));
    asked.on('response', (response) => {
      text(response).then(
        (whole) => settle(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: whole, json: parse(whole) })),
        (error) => settle(() => reject(error)),
      );
    });
    asked.end(body);
  });
}

/** @param {string} whole */
function parse(whole) {
  try {
    return JSON.parse(whole);
  } catch {
    return undefined;
  }
}
