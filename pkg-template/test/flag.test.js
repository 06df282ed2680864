import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chosen, fnv1a, keyPrefix, newId } from '../flag.js';

const vectors = JSON.parse(readFileSync(new URL('../../crates/core/tests/vectors.json', import.meta.url), 'utf8'));

test('hash, scope and rollout are those of the core', () => {
  assert.ok(vectors.fnv1a.length && vectors.scope.length && vectors.rollout.length);
  for (const { text, hash } of vectors.fnv1a) assert.equal(fnv1a(text), hash, text);
  for (const { url, app, scope } of vectors.scope) assert.equal(keyPrefix({ url, key: 'k', app }), `bcn1:${scope}:`);
  for (const { visitor, percent, chosen: want } of vectors.rollout) assert.equal(chosen(visitor, percent), want, visitor);
});

test('a stream id is 48 bits of its birth and 80 random ones, in 22 characters', (t) => {
  const birth = 1_763_877_600_123;
  t.mock.method(Date, 'now', () => birth);
  const ids = Array.from({ length: 1_000 }, () => newId());
  assert.equal(new Set(ids).size, 1_000);
  for (const id of ids) {
    assert.match(id, /^[\w-]{21}[AQgw]$/);
    assert.equal(Buffer.from(id, 'base64url').readUIntBE(0, 6), birth);
  }
});

test('a rollout takes its share of visitors, and who is in stays in', () => {
  const visitors = Array.from({ length: 10_000 }, (_, at) => `visitor-${at}`);
  const at10 = visitors.filter((visitor) => chosen(visitor, 10));
  assert.ok(Math.abs(at10.length - 1_000) < 100, `${at10.length}`);
  assert.ok(at10.every((visitor) => chosen(visitor, 20)));
});
