import { openFtps } from './ftps.js';
import { openSftp } from './sftp.js';

/** @typedef {import('../settings.js').Host} Host */

/**
 * A folder tree on a host, over whichever protocol. Paths have forward slashes and begin where the login lands.
 * Every method rejects with a Failure. One call at a time.
 * @typedef {object} Remote
 * @property {(path: string) => Promise<number | undefined>} size of a file in bytes, undefined where there is none
 * @property {(path: string) => Promise<{ name: string, size: number }[] | undefined>} files of a folder, undefined where
 *   there is none; a host may leave out those whose name begins with a dot
 * @property {(path: string, from: number, sink: import('node:stream').Writable) => Promise<void>} fetch a file's bytes from
 *   an offset on; the sink is ended
 * @property {(path: string, bytes: Uint8Array) => Promise<void>} write a file whole
 * @property {(from: string, to: string) => Promise<void>} rename a file, over one that is there
 * @property {(path: string) => Promise<void>} remove a file; none is there: fine
 * @property {(path: string) => Promise<void>} makeFolder with those above it; it is there: fine
 * @property {(path: string) => Promise<void>} removeFolder an empty one; else it stays
 * @property {() => void} close
 */

/**
 * @param {Host} host
 * @returns {Promise<Remote>}
 */
export function openRemote(host) {
  return host.protocol === 'sftp' ? openSftp(host) : openFtps(host);
}
