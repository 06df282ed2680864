// Loaded after a second trap: what is known of a stream is written down for whoever adopts it.
import { attempt } from './serialize.js';
import { keyIn, textFrom } from './streams.js';

/**
 * What no storage takes is counted as `trap`, also what was delivered before, for what is stored wins over what is dropped; a
 * beacon tries to bring it all the same.
 * @param {import('./streams.js').Stream} stream
 * @param {string} prefix
 * @param {{ write(key: string, value: string): boolean | undefined }} store
 * @param {{ beacon(stream: string, body: string): unknown }} network
 * @param {import('./index.js').TelemetryOptions} options
 */
export function lastLine(stream, prefix, store, network, { onDrop }) {
  const { id, head, line, next, batches } = stream;
  /** @type {number[][]} */
  const holds = [];
  let texts = '';
  for (const batch of batches.values()) {
    const { first, n } = batch;
    const text = textFrom(batch);
    if (!text || store.write(keyIn(prefix, stream, first), text)) holds.push([first, first + n]);
    else {
      texts += text;
      attempt(() => onDrop?.('trap', n));
    }
  }
  const { trap: _, ...dropped } = attempt(() => JSON.parse(line).dropped) ?? {};
  const trap = missing([...holds, .../** @type {any[]} */ (Object.values(dropped)).flat()], next);
  if (trap[0]) dropped.trap = trap;
  const last = JSON.stringify({ ...head, tracked: next, dropped, holds, closed: true });
  if (!store.write(keyIn(prefix, stream), last) || texts) network.beacon(id, `${last}\n${texts}`);
}

/**
 * What of the numbers below `end` is in none of the ranges.
 * @param {number[][]} ranges
 * @param {number} end
 */
function missing(ranges, end) {
  const gaps = [];
  let from = 0;
  for (const [start, stop] of [...ranges.sort(([a], [b]) => a - b), [end, end]]) {
    if (start > from) gaps.push([from, start]);
    from = Math.max(from, stop);
  }
  return gaps;
}
