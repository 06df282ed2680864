// The way into Rust, and what is left when Rust traps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inbox } from '../platform/inbox.js';
import { lastLine } from '../platform/last-line.js';
import { FLUSH, LINES, MEMBERS, STATS } from '../platform/told.js';
import { microtasks } from './support.js';

const line = (n) => `{"type":"log","n":${n}}`;
const error = '{"type":"error"}';

/** An inbox whose entries are recorded; `inside` runs within each. */
function open({ inside = () => {}, members = () => undefined } = {}) {
  const it = { told: [], failed: undefined, inside };
  it.inbox = inbox(
    (what, id, status, ms, text) => {
      it.told.push(text ? [what, text] : [what]);
      it.inside(what);
    },
    members,
    (lines) => (it.failed = [...lines, it.inbox.crossed(false)]),
  );
  it.inbox.ready();
  return it;
}

test('the lines of a task cross once, at its end', async () => {
  const it = open();
  for (let n = 0; n < 3; n++) it.inbox.trackLine(line(n));
  assert.deepEqual(it.told, []);
  await microtasks();
  assert.deepEqual(it.told, [[LINES, [0, 1, 2].map(line).join('\n')]]);
  assert.equal(it.inbox.crossed(false), 3);
});

test('an error crosses at once, behind what was tracked before it', () => {
  const it = open();
  it.inbox.trackLine(line(0));
  it.inbox.trackLine(error);
  assert.deepEqual(it.told, [[LINES, `${line(0)}\n${error}`]]);
});

test('a long task does not keep its lines: memory is bounded', () => {
  const it = open();
  for (let n = 0; n < 10_000; n++) it.inbox.trackLine(line(n));
  assert.ok(it.told.length > 2);
  assert.ok(it.told.every(([, text]) => text.length < 70_000));
  assert.ok(it.inbox.waiting() < 4_000);
});

test('whatever is told finds the lines there before it', () => {
  const it = open();
  it.inbox.trackLine(line(0));
  it.inbox.tell(FLUSH);
  assert.deepEqual(it.told, [[LINES, line(0)], [FLUSH]]);
});

test('a line belongs to the page on which it was tracked', () => {
  let page;
  const it = open({ members: () => page });
  page = '"page":"/a"';
  it.inbox.trackLine(line(0));
  it.inbox.turn(() => (page = '"page":"/b"'));
  assert.deepEqual(it.told, [[MEMBERS, '"page":"/a"'], [LINES, line(0)], [MEMBERS, '"page":"/b"']]);
});

test('Rust is never entered while it runs, but for the books', async () => {
  const it = open();
  let depth = 0;
  it.inside = (what) => {
    if (what === STATS) return;
    assert.equal(++depth, 1);
    if (it.told.length === 1) {
      it.inbox.trackLine(error);
      it.inbox.tell(FLUSH);
      it.inbox.tell(STATS);
    }
    depth--;
  };
  it.inbox.trackLine(line(0));
  await microtasks();
  assert.deepEqual(it.told, [[LINES, line(0)], [STATS], [LINES, error], [FLUSH]]);
});

test('a trap gives back the lines that were crossing, and then nothing is told any more', () => {
  const it = open();
  it.inside = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  it.inbox.trackLine(line(0));
  it.inbox.trackLine(error);
  assert.deepEqual(it.failed, [line(0), error, 0], 'none of them counts as numbered');
  const { length } = it.told;
  it.inbox.tell(FLUSH);
  assert.equal(it.told.length, length);
});

test('the last line counts as trap what no storage has, and keeps what was counted before', () => {
  const stored = { stream: 'S', v: 1, tracked: 3, dropped: { full: [[2, 4]] }, holds: [[0, 3]], closed: false };
  const storage = { read: () => JSON.stringify(stored), batches: () => [6, 2, 8, 0] };
  const last = JSON.parse(lastLine('{}', storage, 'S', 12));
  assert.deepEqual(last, {
    ...stored,
    tracked: 12,
    dropped: { full: [[2, 4]], trap: [[0, 2], [4, 6], [8, 12]] },
    holds: [[6, 8]],
    closed: true,
  });
});

test('a client that has stored nothing has a last line too', () => {
  const storage = { read: () => '', batches: () => [] };
  const last = JSON.parse(lastLine('{"stream":"S","v":1}', storage, 'S', 2));
  assert.deepEqual([last.tracked, last.dropped, last.holds, last.closed], [2, { trap: [[0, 2]] }, [], true]);
});
