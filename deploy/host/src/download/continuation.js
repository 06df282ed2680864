import { Writable } from 'node:stream';

/** So many bytes before the end of a file here are compared with the host's before anything is added to it. */
export const OVERLAP = 4_096;

/**
 * The rest of a file whose beginning is here already. The bytes come from `overlap.length` before its end on: as long as they
 * are the same as here, what follows is added; if they are not, the host has another file, and nothing is.
 */
export class Continuation extends Writable {
  /** Whether the host's file is another one than that here. */
  differs = false;
  #file;
  #overlap;
  #compared = 0;

  /**
   * @param {import('node:fs/promises').FileHandle} file opened to append
   * @param {Uint8Array} overlap its last bytes
   */
  constructor(file, overlap) {
    super();
    this.#file = file;
    this.#overlap = overlap;
  }

  /**
   * @override
   * @param {Buffer} chunk
   * @param {BufferEncoding} _
   * @param {(error?: Error | null) => void} done
   */
  _write(chunk, _, done) {
    const expected = this.#overlap.subarray(this.#compared, this.#compared + chunk.length);
    this.#compared += expected.length;
    this.differs ||= !chunk.subarray(0, expected.length).equals(expected);
    // A transfer that is broken off leaves some servers out of step: what is not wanted is let through.
    if (this.differs || chunk.length === expected.length) return done();
    this.#file.appendFile(chunk.subarray(expected.length)).then(() => done(), done);
  }

  /**
   * @override
   * @param {(error?: Error | null) => void} done
   */
  _final(done) {
    this.differs ||= this.#compared < this.#overlap.length;
    done();
  }
}
