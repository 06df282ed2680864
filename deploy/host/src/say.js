/** @typedef {(line: string) => void} Say prints one line of what a command does */

/**
 * A number of bytes, for people.
 * @param {number} count
 */
export function bytes(count) {
  if (count < 1_000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1_000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}
