import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { describe } from '../writer.js';

afterEach(() => {
  delete globalThis.document;
  delete globalThis.location;
});

/** A page at `href`, which tells how often its path was made. */
function open(href) {
  const page = { href, asked: 0 };
  globalThis.document = { get URL() { return page.href; } };
  globalThis.location = { get pathname() { return page.asked++, new URL(page.href).pathname; } };
  return page;
}

test('the path is asked for when the page has moved on, and never has the query or fragment', () => {
  const page = open('https://shop.example/cart?coupon=7');
  const { now } = describe({});
  for (let task = 0; task < 3; task++) assert.equal(now(), '"page":"/cart"');
  assert.equal(page.asked, 1);
  page.href = 'https://shop.example/cart?coupon=7#top';
  assert.equal(now(), '"page":"/cart"');
  page.href = 'https://shop.example/pay';
  assert.equal(now(), '"page":"/pay"');
});

test('a user, a context and a page of the app\'s own are told at once', () => {
  open('https://shop.example/cart');
  const members = describe({ page: 'the cart' });
  assert.equal(members.now(), '"page":"the cart"');
  members.setUser('u');
  assert.equal(members.now(), '"page":"the cart","user":"u"');
  members.setContext({ a: 1 });
  assert.equal(members.now(), '"page":"the cart","user":"u","context":{"a":1}');
  members.setUser(null);
  members.setContext('text');
  assert.equal(members.now(), '"page":"the cart"');
});

test('where there is no document, or an element has taken the place of its URL, the path is asked for each time', () => {
  const page = open('https://shop.example/cart');
  const { now } = describe({});
  for (const document of [undefined, {}, { URL: { nodeName: 'FORM' } }]) {
    globalThis.document = document;
    page.href = 'https://shop.example/cart';
    assert.equal(now(), '"page":"/cart"');
    page.href = 'https://shop.example/pay';
    assert.equal(now(), '"page":"/pay"');
  }
});
