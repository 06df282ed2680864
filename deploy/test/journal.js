/** A journal as the truth: what is in it, put as ./truth.js puts what was sent. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param {string} folder the collector's @returns {any[]} */
export const lines = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line));

/** @param {string} folder @returns {import('./truth.js').Truth} */
export function truthOfJournal(folder) {
  const all = lines(folder);
  return { events: all.filter(({ type }) => type !== 'delivery').map(fact), books: booksOf(all) };
}

/** @param {any} line @returns {import('./truth.js').Fact} */
function fact({
  type,
  data,
  ts,
  received,
  app,
  env = '',
  release = 'none',
  session = '',
  page = '',
  user = '',
  browser = '',
  os = '',
  device = '',
}) {
  const labels = { app, type, page, session, release, env, browser, device: device || os, who: user || session, name: data.name ?? '' };
  return { type, data, ts, received, labels: type === 'error' ? { ...labels, ...grouped(data) } : labels };
}

/** Errors that are one to a person: the rule of ../grafana/src/queries.js, in JavaScript. @param {any} data */
function grouped({ name = '', message = '', stack = '' }) {
  const plain = message.replaceAll(/[0-9a-fA-F-]{8,}|[0-9]+/g, '#').slice(0, 160);
  const [, base = '', ending = ''] = stack.match(/\/([^/\s"\\:()@?]+?)(?:[-.][\w-]{8})?(\.\w+)(?:\?[^\s":]*)?:\d+/) ?? [];
  const file = base + ending;
  return { message: plain, file, group: Buffer.from(`${name} ${plain} ${file}`).toString('base64url') };
}

/** The last books of each stream that dropped something. @param {any[]} all @returns {import('./truth.js').Told[]} */
function booksOf(all) {
  const last = new Map(all.filter(({ type }) => type === 'delivery').map((line) => [line.data.stream, line]));
  return [...last.values()]
    .map(({ env, release, browser = '', data }) => ({ env, release, browser, dropped: countsOf(data.dropped) }))
    .filter(({ dropped }) => Object.keys(dropped).length);
}

/** @param {Record<string, [number, number][]>} ranges @returns {Record<string, number>} */
const countsOf = (ranges = {}) =>
  Object.fromEntries(
    Object.entries(ranges).map(([reason, pieces]) => [reason, pieces.reduce((sum, [first, end]) => sum + end - first, 0)]),
  );
