import { randomBytes } from 'node:crypto';

/** @typedef {{ id: string, open: string, event: string, closed: string, now: number }} Probe */

const SDK = 'beaconry-host/0.1.0';

/**
 * A stream of one event, as a page would send it: its line and a batch, then its line alone, closed.
 * @param {number} now in ms
 * @param {(count: number) => Uint8Array} [entropy]
 * @returns {Probe}
 */
export function makeProbe(now, entropy = randomBytes) {
  const birth = Buffer.alloc(6);
  birth.writeUIntBE(now, 0, 6);
  const id = Buffer.concat([birth, entropy(10)]).toString('base64url');
  const line = (/** @type {object} */ more) =>
    JSON.stringify({ stream: id, v: 1, sdk: SDK, release: '-', env: 'check', session: id.slice(-8), ...more });
  const batch = JSON.stringify({ batch: 0, n: 1, page: '/' });
  const event = JSON.stringify({ type: 'event', ts: now, data: { name: 'telemetry check' } });
  return {
    id,
    now,
    // Numbers nothing and drops nothing: it only asks.
    open: line({ tracked: 0, dropped: {}, holds: [], closed: false }),
    event: [line({ tracked: 1, dropped: {}, holds: [[0, 1]], closed: false }), batch, event].join('\n'),
    closed: line({ tracked: 1, dropped: {}, holds: [], closed: true }),
  };
}
