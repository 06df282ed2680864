/**
 * The stream line of a client that has trapped: what no storage has is counted as `trap`, also what was delivered before,
 * for what is stored wins over what is dropped.
 * @param {string} head the stream line as it was at the beginning
 * @param {{ read(stream: string): string, batches(stream: string): number[] }} storage
 * @param {string} stream
 * @param {number} next the number of the next event
 */
export function lastLine(head, { read, batches }, stream, next) {
  const line = JSON.parse(read(stream) || head);
  const stored = batches(stream);
  /** @type {[number, number][]} */
  const holds = [];
  for (let at = 0; at < stored.length; at += 2) if (stored[at + 1]) holds.push([stored[at], stored[at] + stored[at + 1]]);
  const { trap: _, ...dropped } = line.dropped ?? {};
  /** @type {[number, number][]} */
  const fated = [...holds, .../** @type {any[]} */ (Object.values(dropped)).flat()];
  const trap = [];
  let from = 0;
  for (const [start, end] of [...fated.sort(([a], [b]) => a - b), [next, next]]) {
    if (start > from) trap.push([from, start]);
    from = Math.max(from, end);
  }
  if (trap[0]) dropped.trap = trap;
  return JSON.stringify({ ...line, dropped, tracked: from, holds, closed: true });
}
