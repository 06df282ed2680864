import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import ssh2 from 'ssh2';

import { EXIT, Failure, codeOf, messageOf } from '../failure.js';
import { SENDING, brokenOff, loginRefused, refused, unreachable, untrusted } from './errors.js';

/** @typedef {import('../settings.js').Host} Host */

/** Status codes of SFTP (draft-ietf-secsh-filexfer-02, section 7). */
const NO_SUCH_FILE = 2;
const FAILURE = 4;
const NO_CONNECTION = 6;
const CONNECTION_LOST = 7;
const CLOSED = Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
/** What the web server must be able to read. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

/**
 * @param {Host} host
 * @returns {Promise<import('./open.js').Remote>}
 */
export async function openSftp(host) {
  const client = new ssh2.Client();
  try {
    await connect(client, host);
    const lost = new Promise((_, reject) => {
      client.on('error', reject);
      client.on('close', () => reject(CLOSED));
    });
    // Who waits for something races with it; in between nobody listens.
    lost.catch(() => {});
    const sftp = await Promise.race([channel(client), lost]);
    return remoteOf(client, /** @type {ssh2.SFTPWrapper} */ (sftp), host, lost);
  } catch (error) {
    client.destroy();
    throw error instanceof Failure ? error : unreachable(host, error);
  }
}

/**
 * @param {ssh2.Client} client
 * @param {Host} host
 */
function connect(client, host) {
  /** @type {Failure | undefined} */
  let doubt;
  const options = {
    host: host.name,
    port: host.port,
    username: host.user,
    ...(host.keyFile ? { privateKey: readKey(host.keyFile), passphrase: host.password } : { password: host.password }),
    readyTimeout: host.timeout,
    // Two questions without an answer end a connection that is dead.
    keepaliveInterval: host.timeout / 2,
    keepaliveCountMax: 2,
    hostVerifier: (/** @type {Buffer} */ key) => !(doubt = doubtOf(host, key)),
  };
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve(undefined));
    client.once('error', (error) => {
      if (doubt) return reject(doubt);
      const { level } = /** @type {{ level?: string }} */ (error);
      reject(level === 'client-authentication' ? loginRefused(host, error.message) : unreachable(host, error));
    });
    // One that is cut early has no error.
    client.once('close', () => reject(doubt ?? unreachable(host, CLOSED)));
    try {
      client.connect(options);
    } catch (error) {
      // A key that is none, or one that needs a passphrase.
      const next = 'TELEMETRY_HOST_KEY_FILE names a private key (OpenSSH or PEM); its passphrase goes into TELEMETRY_HOST_PASSWORD';
      reject(new Failure(`cannot use the private key: ${messageOf(error)}`, next, EXIT.settings));
    }
  });
}

/** @param {string} file */
function readKey(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Failure(`cannot read TELEMETRY_HOST_KEY_FILE: ${messageOf(error)}`, 'name the file of a private key', EXIT.settings);
  }
}

/**
 * Why the key that the host showed is not trusted, if it is not.
 * @param {Host} host
 * @param {Buffer} key
 */
function doubtOf(host, key) {
  const shown = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
  if (host.fingerprint?.replace(/=+$/, '') === shown) return undefined;
  const why = host.fingerprint ? 'its key is not that of TELEMETRY_HOST_FINGERPRINT' : 'its key is unknown';
  return untrusted(host, shown, why, `or ssh-keyscan ${host.name} | ssh-keygen -lf - from a network that you trust`);
}

/** @param {ssh2.Client} client */
function channel(client) {
  return new Promise((resolve, reject) => client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp))));
}

/**
 * @param {ssh2.Client} client
 * @param {ssh2.SFTPWrapper} sftp
 * @param {Host} host
 * @param {Promise<unknown>} lost rejects when the connection ends
 * @returns {import('./open.js').Remote}
 */
function remoteOf(client, sftp, host, lost) {
  /**
   * @template T
   * @param {string} doing
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async function attempt(doing, call) {
    try {
      return await /** @type {Promise<T>} */ (Promise.race([call(), lost]));
    } catch (error) {
      if (error instanceof Failure || codeOf(error) === 'ENOSPC') throw error;
      const code = codeOf(error);
      if (typeof code === 'number' && code !== NO_CONNECTION && code !== CONNECTION_LOST) throw refused(doing, messageOf(error));
      throw brokenOff(host, doing, error);
    }
  }

  /**
   * A request that answers through a callback.
   * @template T
   * @param {(done: (error: Error | null | undefined, value?: any) => void) => unknown} call
   * @returns {Promise<T>}
   */
  const ask = (call) => new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));

  /**
   * @template T
   * @param {Promise<T>} answer
   * @param {number[]} codes that count as no answer
   */
  const unless = (answer, ...codes) =>
    answer.catch((error) => {
      if (codes.includes(/** @type {number} */ (codeOf(error)))) return undefined;
      throw error;
    });

  return {
    async size(path) {
      const doing = `to tell the size of ${path}`;
      /** @type {ssh2.Stats | undefined} */
      const stats = await attempt(doing, () => unless(ask((done) => sftp.stat(path, done)), NO_SUCH_FILE));
      return stats?.size;
    },
    async files(path) {
      /** @type {ssh2.FileEntryWithStats[] | undefined} */
      const entries = await attempt(`to list ${path}`, () => unless(ask((done) => sftp.readdir(path, done)), NO_SUCH_FILE));
      return entries?.filter(({ attrs }) => attrs.isFile()).map(({ filename, attrs }) => ({ name: filename, size: attrs.size }));
    },
    fetch: (path, from, sink) => attempt(`${SENDING} ${path}`, () => pipeline(sftp.createReadStream(path, { start: from }), sink)),
    write: (path, bytes) =>
      attempt(`taking ${path}`, () => ask((done) => sftp.writeFile(path, Buffer.from(bytes), { mode: FILE_MODE }, done))),
    rename: (from, to) => attempt(`to rename ${from} to ${to}`, () => renameOver(sftp, from, to, ask)),
    remove: (path) => attempt(`to delete ${path}`, () => unless(ask((done) => sftp.unlink(path, done)), NO_SUCH_FILE)),
    async makeFolder(path) {
      const parts = path.split('/');
      for (let count = 1; count < parts.length; count += 1) {
        const part = parts.slice(0, count).join('/');
        // It is there, or it may only be passed through.
        if (part) await attempt(`to make the folder ${part}`, () => ask((done) => sftp.mkdir(part, { mode: FOLDER_MODE }, () => done(null))));
      }
      await attempt(`to make the folder ${path}`, () => unless(ask((done) => sftp.mkdir(path, { mode: FOLDER_MODE }, done)), FAILURE));
      // The answer to a folder that is there is the one to a folder that may not be made.
      /** @type {ssh2.Stats} */
      const stats = await attempt(`to make the folder ${path}`, () => ask((done) => sftp.stat(path, done)));
      if (!stats.isDirectory()) throw refused(`to make the folder ${path}`, 'a file is in its place');
    },
    removeFolder: (path) => attempt(`to delete ${path}`, () => unless(ask((done) => sftp.rmdir(path, done)), NO_SUCH_FILE, FAILURE)),
    close: () => void client.end(),
  };
}

/**
 * SFTP's own rename is over nothing; OpenSSH's extension is, and is atomic.
 * @param {ssh2.SFTPWrapper} sftp
 * @param {string} from
 * @param {string} to
 * @param {(call: (done: (error?: Error | null) => void) => unknown) => Promise<void>} ask
 */
async function renameOver(sftp, from, to, ask) {
  try {
    await ask((done) => sftp.ext_openssh_rename(from, to, done));
  } catch (error) {
    // Thrown at once where the server has no such extension.
    if (codeOf(error) !== undefined) throw error;
    await ask((done) => sftp.unlink(to, () => done()));
    await ask((done) => sftp.rename(from, to, done));
  }
}
