import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';

import { EXIT, Failure, messageOf } from './failure.js';

/**
 * @typedef {object} Place where the drop-in is uploaded to
 * @property {'ftps' | 'sftp'} protocol
 * @property {string} name
 * @property {number} port
 * @property {boolean} isImplicit FTPS that begins with TLS, instead of asking for it by AUTH TLS (RFC 4217)
 * @property {string} user
 * @property {string} folder of the drop-in; relative to where the login lands, unless it begins with a slash
 */

/**
 * @typedef {object} Login whom the host and this machine trust
 * @property {string | undefined} password of the user, or of the key file
 * @property {string | undefined} keyFile the private key's file (SFTP)
 * @property {string | undefined} fingerprint of the certificate (FTPS) or of the host key (SFTP)
 * @property {string | undefined} ca a PEM file with the authority that signed the certificate (FTPS)
 * @property {number} timeout in ms, of an answer that does not come
 *
 * @typedef {Place & Login} Host
 */

/** The files that are read, the first ones win: as Vite does in the mode `deploy`, so that they serve the app and these commands. */
const FILES = ['.env.deploy.local', '.env.deploy', '.env.local', '.env'];
const PORTS = { ftps: 21, sftp: 22 };
/** Of FTPS that begins with TLS; on every other port it is asked for. */
const IMPLICIT_PORT = 990;
const TIMEOUT_SECONDS = 30;

/** Settings by name: the environment wins over the files. An empty one counts as absent. */
export class Settings {
  #folder;
  #values;

  /**
   * @param {string} folder of the app, with its `.env`
   * @param {Record<string, string | undefined>} environment
   */
  constructor(folder, environment) {
    this.#folder = folder;
    this.#values = [environment, ...FILES.map((name) => readEnv(join(folder, name)))];
  }

  /**
   * @param {...string} names the first that is set counts
   * @returns {string | undefined}
   */
  get(...names) {
    for (const name of names) {
      const value = this.#values.map((values) => values[name]).find(Boolean);
      if (value) return value;
    }
    return undefined;
  }

  /**
   * @param {string} what it is, for who has to set it
   * @param {...string} names
   */
  need(what, ...names) {
    const value = this.get(...names);
    if (value) return value;
    throw wrong(`${names.at(-1)} is not set`, `put ${what} into .env, or into the environment`);
  }

  /**
   * A path, relative to the app's folder.
   * @param {string} name
   * @param {string} [standin]
   */
  path(name, standin) {
    const value = this.get(name) ?? standin;
    return value === undefined ? undefined : resolve(this.#folder, value);
  }

  /**
   * A file of the app's folder, if it is there.
   * @param {string} name
   */
  file(name) {
    const path = join(this.#folder, name);
    return existsSync(path) ? path : undefined;
  }

  /** The address of the collector or of `ingest.php`, as the browser uses it. */
  url() {
    const text = this.need('the address that browsers send to (https://…/ingest.php)', 'TELEMETRY_URL', 'VITE_TELEMETRY_URL');
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url && /^https?:$/.test(url.protocol)) return url;
    throw wrong(`VITE_TELEMETRY_URL is no address: ${text}`, 'write it in full, such as https://shop.example.com/telemetry/ingest.php');
  }

  /** The key that names the app; it is public. */
  key() {
    return this.need('the key of the app', 'TELEMETRY_TOKEN', 'VITE_TELEMETRY_TOKEN');
  }

  /**
   * The origins of the app's pages, with commas between them; else that of the collector.
   * @returns {string[]}
   */
  origins() {
    const texts = this.get('TELEMETRY_ORIGIN')?.split(',').map((text) => text.trim()).filter(Boolean);
    if (!texts) return this.get('TELEMETRY_URL', 'VITE_TELEMETRY_URL') ? [this.url().origin] : [];
    for (const text of texts) {
      if (URL.canParse(text) && new URL(text).origin === text) continue;
      throw wrong(`TELEMETRY_ORIGIN is no origin: ${text}`, 'write scheme and host, such as https://shop.example.com, with nothing behind');
    }
    return texts;
  }

  /** In ms. */
  timeout() {
    const text = this.get('TELEMETRY_TIMEOUT') ?? String(TIMEOUT_SECONDS);
    const seconds = Number(text);
    if (seconds > 0) return seconds * 1_000;
    throw wrong(`TELEMETRY_TIMEOUT is no number of seconds: ${text}`, `leave it out for ${TIMEOUT_SECONDS}`);
  }

  /**
   * Where the host is, without what is secret.
   * @returns {Place}
   */
  place() {
    const text = this.need('the host (ftps://user@ftp.example.com/htdocs/telemetry, or sftp://…)', 'TELEMETRY_HOST');
    const url = hostUrl(text);
    const protocol = url.protocol === 'sftp:' ? 'sftp' : 'ftps';
    const port = Number(url.port) || PORTS[protocol];
    return {
      protocol,
      name: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      isImplicit: protocol === 'ftps' && port === IMPLICIT_PORT,
      user: decodeURIComponent(url.username),
      // As in RFC 1738: the slash after the host is none of the path's; a second one makes it absolute.
      folder: decodeURIComponent(url.pathname.slice(1)).replace(/(?<=.)\/+$/, '') || '.',
    };
  }

  /** @returns {Host} */
  host() {
    const place = this.place();
    const keyFile = this.path('TELEMETRY_HOST_KEY_FILE');
    const password = this.get('TELEMETRY_HOST_PASSWORD');
    if (!password && !keyFile) {
      const or = place.protocol === 'sftp' ? ', or name a private key by TELEMETRY_HOST_KEY_FILE' : '';
      throw wrong('TELEMETRY_HOST_PASSWORD is not set', `put it into .env.local, which is never committed${or}`);
    }
    const fingerprint = this.get('TELEMETRY_HOST_FINGERPRINT');
    return { ...place, keyFile, password, fingerprint, ca: this.path('TELEMETRY_HOST_CA'), timeout: this.timeout() };
  }
}

/** @param {string} text */
function hostUrl(text) {
  // The parser knows no ports and hosts of these schemes as it does of http's: IPv6 and percent signs come out alike.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.password) {
    const next = 'move it to TELEMETRY_HOST_PASSWORD in .env.local: an address is shown and copied';
    throw wrong('TELEMETRY_HOST has a password in it', next);
  }
  if (url?.protocol === 'ftp:') {
    const next = 'write ftps://; every host that is worth its money, even of 0 $, speaks TLS or SSH';
    throw wrong('TELEMETRY_HOST is plain FTP, which sends the password in the clear', next);
  }
  if (url && /^(ftps|sftp):$/.test(url.protocol) && url.hostname && url.username) return url;
  throw wrong(`TELEMETRY_HOST is no address of a host: ${text}`, 'write it as ftps://user@ftp.example.com/htdocs/telemetry');
}

/** @param {string} file */
function readEnv(file) {
  if (!existsSync(file)) return {};
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    throw wrong(`cannot read ${file}: ${messageOf(error)}`, 'it has lines of NAME=value');
  }
}

/**
 * @param {string} message
 * @param {string} next
 */
function wrong(message, next) {
  return new Failure(message, next, EXIT.settings);
}
