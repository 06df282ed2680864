import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { serve, startCollector, startMiddlebox } from '../testing/collector.js';
import { makeCertificate } from '../testing/ftps-server.js';
import { freePort } from '../testing/process.js';
import { makeWorld } from '../testing/world.js';

const APP = { VITE_TELEMETRY_TOKEN: 'the-key', TELEMETRY_ORIGIN: 'https://app.example', TELEMETRY_TIMEOUT: '10' };

/**
 * @param {import('node:test').TestContext} t
 * @param {string} url
 * @param {Record<string, string>} [more]
 */
async function checked(t, url, more = {}) {
  const world = makeWorld(t);
  world.write({ ...APP, VITE_TELEMETRY_URL: url, ...more });
  return world.run('check');
}

test('a collector that is set up well passes, and has the event', async (t) => {
  const { dir } = makeWorld(t);
  const collector = await startCollector(t, join(dir, 'data'));
  const { code, out, err } = await checked(t, collector.url);
  assert.equal(code, 0, out + err);
  const [, id] = /an event of this check is stored: (\S+)/.exec(out) ?? [];
  assert.match(readFileSync(collector.journal(), 'utf8'), new RegExp(`"id":"${id}".*"env":"check".*"telemetry check"`));
});

for (const [what, more, status, next] of /** @type {[string, Record<string, string>, RegExp, RegExp][]} */ ([
  ['a wrong key', { VITE_TELEMETRY_TOKEN: 'another-key' }, /answers 401: no such key/, /compare VITE_TELEMETRY_TOKEN/],
  ['an origin that may not send', { TELEMETRY_ORIGIN: 'https://other.example' }, /answers 403: pages of this origin/, /add the page's origin/],
  ['a wrong path', {}, /answers 404: events go to POST/, /\/v1\/events/],
])) {
  test(`${what} is explained`, async (t) => {
    const { dir } = makeWorld(t);
    const { url } = await startCollector(t, join(dir, 'data'));
    const { code, err } = await checked(t, what === 'a wrong path' ? `${url}/x` : url, more);
    assert.equal(code, 1);
    assert.match(err, status);
    assert.match(err, next);
  });
}

test('a clock that is off by an hour is told', async (t) => {
  const { dir } = makeWorld(t);
  const { address } = await startCollector(t, join(dir, 'data'));
  const wrong = await startMiddlebox(t, () => address, (headers) => ({ ...headers, date: new Date(Date.now() - 3_600_000).toUTCString() }));
  const { code, out, err } = await checked(t, `http://${wrong}/v1/events`);
  assert.equal(code, 1);
  assert.match(err, /clock is 3\d\d\d s behind this machine's\n {2}next: .*NTP/);
  assert.match(out, /ok {4}pages of other origins may not send/, 'the rest is checked all the same');
});

test('CORS headers that a proxy takes away are missed', async (t) => {
  const { dir } = makeWorld(t);
  const { address } = await startCollector(t, join(dir, 'data'));
  const strip = (/** @type {import('node:http').IncomingHttpHeaders} */ headers) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('access-control')));
  const proxy = await startMiddlebox(t, () => address, strip);
  const { code, err } = await checked(t, `http://${proxy}/v1/events`);
  assert.equal(code, 1);
  assert.match(err, /the answer allows no origin.*\n {2}next: .*CORS/);
});

test('two collectors behind one address are found out', async (t) => {
  const { dir } = makeWorld(t);
  const both = [await startCollector(t, join(dir, 'one')), await startCollector(t, join(dir, 'two'))];
  let count = 0;
  const balancer = await startMiddlebox(t, () => both[count++ % 2]?.address ?? '', (headers) => headers);
  const { code, out } = await checked(t, `http://${balancer}/v1/events`);
  assert.equal(code, 1);
  assert.match(out, /FAIL {2}it remembers what is stored: it forgot the event.*\n.*hashes on the parameter/);
});

for (const [what, answer, message] of /** @type {[string, [number, Record<string, string>, string], RegExp][]} */ ([
  ['a captive portal', [200, { 'content-type': 'text/html' }, '<!doctype html><title>Welcome</title>Accept the terms'], /a web page comes instead of the answer: "Welcome"/],
  ['an empty 200', [200, {}, ''], /answers 200: an empty body/],
  ['PHP that is not run', [200, {}, '<?php\nrequire 1;'], /source of the PHP file comes.*\n {2}next: switch PHP on/],
  ['a redirect', [301, { location: 'https://www.app.example/x' }, ''], /sends on to https:\/\/www\.app\.example\/x\n {2}next: .*lose/],
  ['a web server that forbids', [403, {}, '<h1>Forbidden</h1>'], /the web server forbids it\n {2}next: .*755 and 644/],
  ['a login', [401, {}, 'Authorization required'], /asks for a login/],
  ['nothing there', [404, {}, '<h1>Not found</h1>'], /nothing is at that path\n {2}next: .*deploy:telemetry/],
  ['PHP that fails', [500, {}, '<b>Fatal error</b>:  Uncaught Error: Call to undefined function fsync() in /x.php:1'], /PHP fails: Uncaught Error: Call to undefined function fsync\(\)\n/],
  ['a bare 500', [500, {}, ''], /answers 500: an empty body\n {2}next: read the host's PHP error log/],
  ['too many requests', [429, { 'retry-after': '60' }, 'slow down'], /too many requests/],
])) {
  test(`${what} is explained`, async (t) => {
    const address = await serve(t, createServer((_, response) => void response.writeHead(answer[0], answer[1]).end(answer[2])));
    const { code, err } = await checked(t, `http://${address}/ingest.php`);
    assert.equal(code, 1, err);
    assert.match(err, message);
  });
}

for (const [what, connect, message] of /** @type {[string, (t: import('node:test').TestContext) => Promise<string>, RegExp][]} */ ([
  ['nothing that listens', async () => `http://127.0.0.1:${await freePort()}/`, /nothing listens there/],
  ['a host without an address', async () => 'http://nobody.invalid/', /there is no host of that name|cannot be looked up/],
  ['an answer that never comes', async (t) => `http://${await serve(t, createServer(() => {}))}/`, /did not answer in time\n {2}next: .*TELEMETRY_TIMEOUT/],
  ['a connection that is cut', async (t) => `http://${await serve(t, createTcpServer((socket) => socket.destroy()))}/`, /the connection was cut/],
  ['https where http is spoken', async (t) => `https://${await serve(t, createServer(() => {}))}/`, /does not speak TLS/],
  ['a certificate of nobody', selfSigned, /certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/],
])) {
  test(`${what} is explained`, async (t) => {
    const { code, err } = await checked(t, await connect(t), { TELEMETRY_TIMEOUT: '1' });
    assert.equal(code, 3, err);
    assert.match(err, message);
    assert.match(err, /\n {2}next: ./);
  });
}

/** @param {import('node:test').TestContext} t */
async function selfSigned(t) {
  const { certificate, key } = makeCertificate(makeWorld(t).dir, 'web');
  return `https://${await serve(t, createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }))}/`;
}
