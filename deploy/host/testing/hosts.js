import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { cleanUp } from './clean-up.js';
import { PROXY_HOST } from './cutting-proxy.js';
import { startFtps } from './ftps-server.js';
import { startSftp } from './sftp-server.js';

/** The kinds of host that every command has to get along with. */
export const PROTOCOLS = /** @type {const} */ (['ftps', 'sftp']);

/**
 * A host of either kind, with the settings of a team that uses it.
 * @param {import('node:test').TestContext} t
 * @param {'ftps' | 'sftp'} protocol
 * @param {string} dir
 * @param {{ hideDotfiles?: boolean, asNobody?: boolean, isImplicit?: boolean }} [how] of FTPS
 */
export async function startHost(t, protocol, dir, how = {}) {
  const own = join(dir, protocol);
  mkdirSync(own);
  const server = protocol === 'ftps' ? await startFtps(own, how) : await startSftp(own);
  cleanUp(t, server.stop);
  const { port, ports, root, fingerprint } = server;
  const user = 'user' in server ? server.user : 'anonymous';
  // An SFTP login lands at home, an FTP login in the root.
  const base = protocol === 'ftps' ? '' : `/${root}`.replace('//', '/');
  const address = (/** @type {string} */ name) => `${protocol}://${user}@${name}:${port}/${base ? `${base}/` : ''}htdocs/telemetry`;
  return {
    ports,
    root,
    /** What the web server would show lies in `htdocs`. */
    site: join(root, 'htdocs', 'telemetry'),
    logs: join(root, 'beaconry-data'),
    certificate: 'certificate' in server ? server.certificate : undefined,
    fingerprint,
    /** Through the proxy. */
    proxied: { TELEMETRY_HOST: address(PROXY_HOST) },
    /** @type {Record<string, string>} */
    settings: {
      TELEMETRY_HOST: address('127.0.0.1'),
      TELEMETRY_HOST_FINGERPRINT: fingerprint,
      ...('password' in server ? { TELEMETRY_HOST_PASSWORD: server.password } : { TELEMETRY_HOST_KEY_FILE: server.keyFile }),
      TELEMETRY_TIMEOUT: '10',
    },
  };
}
