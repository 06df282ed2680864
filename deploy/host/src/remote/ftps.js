import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { checkServerIdentity, rootCertificates } from 'node:tls';

import { Client, FTPError } from 'basic-ftp';

import { EXIT, Failure, codeOf, messageOf } from '../failure.js';
import { SENDING, brokenOff, loginRefused, refused, unreachable, untrusted } from './errors.js';

/** @typedef {import('../settings.js').Host} Host */
/** @typedef {import('node:tls').PeerCertificate} Certificate */

/** Replies of RFC 959: not logged in; no such file, or no permission. */
const NOT_LOGGED_IN = 530;
const NOT_THERE = 550;

/**
 * @param {Host} host
 * @returns {Promise<import('./open.js').Remote>}
 */
export async function openFtps(host) {
  const client = new Client(host.timeout);
  try {
    await connect(client, host, await trust(host));
    await login(client, host);
    return remoteOf(client, host, await client.pwd());
  } catch (error) {
    client.close();
    throw error instanceof Failure ? error : brokenOff(host, 'logging in', error);
  }
}

/**
 * Whom the connections trust, data connections too: those whom the system trusts, who is named, and the very certificate of
 * the fingerprint. For that one the host is asked first, by a connection that ends before a user is named.
 * @param {Host} host
 * @returns {Promise<import('node:tls').ConnectionOptions>}
 */
async function trust(host) {
  const { name, fingerprint } = host;
  const ca = host.ca ? [...rootCertificates, readCa(host.ca)] : undefined;
  const options = { host: name, ...(isIP(name) ? {} : { servername: name }), ...(ca && { ca }) };
  if (!fingerprint) return options;
  const { certificate } = await probe(host, options);
  const differs = () => untrusted(host, certificate.fingerprint256, 'the certificate is not that of TELEMETRY_HOST_FINGERPRINT', 'it may have been renewed');
  if (!isSame(certificate, fingerprint)) throw differs();
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate.raw.toString('base64')}\n-----END CERTIFICATE-----\n`;
  return {
    ...options,
    ca: [...(ca ?? rootCertificates), pem],
    // The certificate itself is what is trusted, whatever names stand in it.
    checkServerIdentity: (_, shown) => (isSame(shown, fingerprint) ? undefined : differs()),
  };
}

/** @param {string} file */
function readCa(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(`cannot read TELEMETRY_HOST_CA: ${messageOf(error)}`, 'name a PEM file', EXIT.settings);
  }
}

/**
 * @param {Certificate} certificate
 * @param {string} fingerprint in any of the usual spellings
 */
function isSame(certificate, fingerprint) {
  const bare = (/** @type {string} */ text) => text.replace(/^sha-?256:/i, '').replaceAll(':', '').toLowerCase();
  return bare(certificate.fingerprint256) === bare(fingerprint);
}

/**
 * The certificate that the host shows. Only looks: nothing is sent but the wish for TLS.
 * @param {Host} host
 * @param {import('node:tls').ConnectionOptions} options
 */
async function probe(host, options) {
  const client = new Client(host.timeout);
  try {
    await secure(client, host, { ...options, rejectUnauthorized: false });
    const socket = /** @type {import('node:tls').TLSSocket} */ (client.ftp.socket);
    return { certificate: socket.getPeerCertificate(), error: socket.authorizationError };
  } catch (error) {
    throw error instanceof Failure ? error : unreachable(host, error);
  } finally {
    client.close();
  }
}

/**
 * @param {Client} client
 * @param {Host} host
 * @param {import('node:tls').ConnectionOptions} options
 */
async function connect(client, host, options) {
  try {
    await secure(client, host, options);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { certificate, error: why } = await probe(host, options);
    if (!why) throw unreachable(host, error);
    const reason = codeOf(why) === 'ERR_TLS_CERT_ALTNAME_INVALID' ? checkServerIdentity(host.name, certificate)?.message : undefined;
    const compare = 'or name the authority that signed it by TELEMETRY_HOST_CA';
    throw untrusted(host, certificate.fingerprint256, reason ?? meaning(why), compare);
  }
}

/** @param {unknown} error of the check of a certificate */
function meaning(error) {
  const code = String(codeOf(error) ?? error);
  if (/SELF_SIGNED/.test(code)) return 'its certificate is self-signed';
  if (/EXPIRED/.test(code)) return 'its certificate has expired';
  return `its certificate cannot be verified (${code})`;
}

/**
 * A connection under TLS, before any login.
 * @param {Client} client
 * @param {Host} host
 * @param {import('node:tls').ConnectionOptions} options
 */
async function secure(client, host, options) {
  if (host.isImplicit) return void (await client.connectImplicitTLS(host.name, host.port, { ...options }));
  try {
    await client.connect(host.name, host.port);
  } catch (error) {
    throw unreachable(host, error);
  }
  try {
    await client.useTLS({ ...options });
  } catch (error) {
    if (!(error instanceof FTPError)) throw error;
    const next = 'ask your provider for FTPS or SFTP; without either the password would travel in the clear';
    throw new Failure(`${host.name} does not speak TLS: ${error.message}. No password was sent`, next);
  }
}

/**
 * @param {Client} client
 * @param {Host} host
 */
async function login(client, host) {
  try {
    await client.login(host.user, host.password);
  } catch (error) {
    if (error instanceof FTPError && error.code === NOT_LOGGED_IN) throw loginRefused(host, said(error));
    throw error;
  }
  await client.useDefaultSettings();
}

/** @param {FTPError} error its message begins with the reply's number */
function said(error) {
  return error.message.replace(/^\d{3}[ -]/, '').trim();
}

/**
 * @param {Client} client
 * @param {Host} host
 * @param {string} home where the login landed
 * @returns {import('./open.js').Remote}
 */
function remoteOf(client, host, home) {
  const at = (/** @type {string} */ path) => (path.startsWith('/') ? path : `${home.replace(/\/$/, '')}/${path}`);

  /**
   * @template T
   * @param {string} doing
   * @param {() => Promise<T>} call
   */
  async function attempt(doing, call) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof FTPError && !client.closed) throw refused(doing, said(error));
      if (!client.closed || isLocal(error)) throw error;
      throw brokenOff(host, doing, error);
    }
  }

  /**
   * @template T
   * @param {string} doing
   * @param {() => Promise<T>} call
   */
  const ifThere = (doing, call) =>
    attempt(doing, async () => {
      try {
        return await call();
      } catch (error) {
        if (error instanceof FTPError && error.code === NOT_THERE) return undefined;
        throw error;
      }
    });

  const hasFolder = (/** @type {string} */ path) => ifThere(`to look into ${path}`, () => client.cd(at(path)));

  return {
    size: (path) => ifThere(`to tell the size of ${path}`, () => client.size(at(path))),
    async files(path) {
      // Servers list a folder that is not there as an empty one.
      if (!(await hasFolder(path))) return undefined;
      const entries = await attempt(`to list ${path}`, () => client.list());
      return entries.filter((entry) => entry.isFile).map(({ name, size }) => ({ name, size }));
    },
    fetch: async (path, from, sink) => void (await attempt(`${SENDING} ${path}`, () => client.downloadTo(sink, at(path), from))),
    write: async (path, bytes) =>
      void (await attempt(`taking ${path}`, () => client.uploadFrom(Readable.from([bytes]), at(path)))),
    rename: (from, to) =>
      attempt(`to rename ${from} to ${to}`, async () => {
        try {
          await client.rename(at(from), at(to));
        } catch (error) {
          if (!(error instanceof FTPError)) throw error;
          // Some servers rename over no file that is there.
          await client.remove(at(to), true);
          await client.rename(at(from), at(to));
        }
      }),
    remove: async (path) => void (await ifThere(`to delete ${path}`, () => client.remove(at(path)))),
    async makeFolder(path) {
      const parts = path.split('/');
      for (let count = 1; count <= parts.length; count += 1) {
        const part = parts.slice(0, count).join('/');
        if (part) await attempt(`to make the folder ${part}`, () => client.sendIgnoringError(`MKD ${at(part)}`));
      }
      // Whether it was made or was there before is all the same.
      await attempt(`to make the folder ${path}`, () => client.cd(at(path)));
    },
    removeFolder: async (path) => void (await attempt(`to delete ${path}`, () => client.sendIgnoringError(`RMD ${at(path)}`))),
    close: () => client.close(),
  };
}

/** @param {unknown} error of a sink of ours, such as a full disk */
function isLocal(error) {
  return /** @type {{ syscall?: string }} */ (error).syscall === 'write' && codeOf(error) === 'ENOSPC';
}
