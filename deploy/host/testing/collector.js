import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cleanUp } from './clean-up.js';
import { stop, until } from './process.js';

/** The one that was built; `cargo xtask test` says where. */
const PROGRAM = process.env.BEACONRY_COLLECTOR ?? fileURLToPath(new URL('../../../target/debug/beaconry', import.meta.url));

/**
 * The Rust collector, for the key `the-key` and pages of `https://app.example`.
 * @param {import('node:test').TestContext} t
 * @param {string} dir
 */
export async function startCollector(t, dir) {
  const portFile = `${dir}.port`;
  const args = ['serve', '--data', dir, '--listen', '127.0.0.1:0', '--key', 'the-key', '--app', 'shop', '--origin', 'https://app.example', '--port-file', portFile];
  const child = spawn(PROGRAM, args, { stdio: 'ignore' });
  cleanUp(t, () => stop(child));
  await until('the collector takes requests', () => existsSync(portFile) && readFileSync(portFile, 'utf8').includes(':'));
  const address = readFileSync(portFile, 'utf8').trim();
  return { dir, address, url: `http://${address}/v1/events`, journal: () => join(dir, `events-${new Date().toISOString().slice(0, 10)}.jsonl`) };
}

/**
 * What may stand between a browser and a collector.
 * @param {import('node:test').TestContext} t
 * @param {() => string} upstream the address to pass a request on to
 * @param {(headers: import('node:http').IncomingHttpHeaders) => import('node:http').OutgoingHttpHeaders} change of the answer's headers
 */
export async function startMiddlebox(t, upstream, change) {
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const onward = request(`http://${upstream()}${url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, change(answer.headers));
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  return serve(t, server);
}

/**
 * @param {import('node:test').TestContext} t
 * @param {import('node:net').Server} server
 */
export async function serve(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(t, () => {
    /** @type {Partial<import('node:http').Server>} */ (server).closeAllConnections?.();
    server.close();
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return `127.0.0.1:${port}`;
}
