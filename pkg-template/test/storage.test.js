import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { openStore } from '../platform/storage.js';
import { TinyStorage } from './support.js';

const MINE = 'bcn1:0badc0de:AAAAAAAAAAAAAAAAAAAAAA:';
const OTHERS = 'bcn1:c0ffee00:BBBBBBBBBBBBBBBBBBBBBB:';

/** @type {TinyStorage} */
let storage;
/** @type {string[]} the keys whose values were read */
let read;

beforeEach(() => {
  storage = new TinyStorage();
  read = [];
  const { getItem } = storage;
  Object.defineProperty(storage, 'getItem', { value: (key) => (read.push(key), getItem.call(storage, key)) });
});

const text = (bytes) => 'x'.repeat(bytes);

test('what this page writes is counted as it grows and goes, and never read', () => {
  const store = openStore(storage, 1_000_000);
  assert.ok(store.put(`${MINE}0`, text(100), 100));
  assert.ok(store.put(`${MINE}0`, text(300), 300));
  assert.ok(store.put(`${MINE}7`, text(50), 50));
  assert.equal(store.used(), 350);
  store.count();
  assert.equal(store.used(), 350);
  assert.deepEqual(read, []);
  store.erase(`${MINE}0`);
  assert.equal(store.used(), 50);
});

test('what others write is read, in bytes of UTF-8, and only batches count', () => {
  const store = openStore(storage, 1_000_000);
  storage.setItem(`${OTHERS}0`, 'ü☕');
  storage.setItem(`${OTHERS}s`, '{}');
  storage.setItem('app', text(99));
  Object.defineProperty(storage, Symbol('of the app'), { value: 1 });
  assert.deepEqual(store.count(), [`${OTHERS}0`, `${OTHERS}s`]);
  assert.equal(store.used(), 5);
  store.erase(`${OTHERS}0`, 5);
  assert.equal(store.used(), 0);
});

test('what grows under a key that another has begun counts once', () => {
  const store = openStore(storage, 1_000_000);
  storage.setItem(`${OTHERS}0`, text(40));
  store.count();
  assert.ok(store.put(`${OTHERS}0`, text(90), 90, 40));
  assert.equal(store.used(), 90);
  store.erase(`${OTHERS}0`, 90);
  assert.equal(store.used(), 0);
});

test('what another page has erased is forgotten with the next count', () => {
  const store = openStore(storage, 1_000_000);
  store.put(`${MINE}0`, text(100), 100);
  storage.removeItem(`${MINE}0`);
  store.count();
  assert.equal(store.used(), 0);
  store.erase(`${MINE}0`);
  assert.equal(store.used(), 0);
  store.put(`${MINE}0`, text(110), 110);
  assert.equal(store.used(), 110);
});

test('a tab counts anew each sixteenth of the limit, so others are seen before it is far over it', () => {
  const store = openStore(storage, 1_000_000);
  store.count();
  storage.setItem(`${OTHERS}0`, text(990_000));
  let taken = 0;
  while (store.put(`${MINE}${taken}`, text(1_000), 1_000)) taken++;
  assert.ok(taken > 10 && taken <= 63, `${taken}`);
});
