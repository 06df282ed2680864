import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Another address of loopback: data connections of FTP come to the control connection's, so they pass through here too. */
export const PROXY_HOST = '127.0.0.2';

/**
 * A proxy in front of a server that lets so many bytes through, both ways together; then every connection ends, and no new one
 * is taken.
 * @param {number[]} ports of the server, each under the same number here
 */
export async function startProxy(ports) {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  let left = Infinity;
  let passed = 0;
  const cut = () => sockets.forEach((socket) => socket.destroy());

  /** @param {number} port */
  async function listen(port) {
    const server = createServer((client) => {
      if (left <= 0) return void client.destroy();
      const upstream = connect(port, '127.0.0.1');
      for (const [from, to] of [[client, upstream], [upstream, client]]) {
        if (!from || !to) continue;
        sockets.add(from);
        from.on('data', (chunk) => {
          const taken = chunk.subarray(0, Math.max(0, left));
          left -= taken.length;
          passed += taken.length;
          to.write(taken);
          if (left <= 0) cut();
        });
        from.on('end', () => to.end());
        from.on('error', () => to.destroy());
        from.on('close', () => sockets.delete(from));
      }
    });
    server.listen(port, PROXY_HOST);
    await once(server, 'listening');
    return server;
  }

  const servers = await Promise.all(ports.map(listen));
  return {
    /** How many bytes have passed since the limit was set. */
    passed: () => passed,
    /** @param {number} bytes */
    cutAfter(bytes) {
      cut();
      left = bytes;
      passed = 0;
    },
    async stop() {
      cut();
      await Promise.all(servers.map((server) => once(server.close(), 'close')));
    },
  };
}
