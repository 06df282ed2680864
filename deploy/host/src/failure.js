/** What the exit code tells a script. */
export const EXIT = {
  /** The host, the collector or a tool did not do what was asked. */
  failed: 1,
  /** A setting or the command line is wrong: nothing was tried. */
  settings: 2,
  /** The network: unreachable, timed out, broken off. The same command again goes on from there. */
  connection: 3,
};

/** What went wrong, and what to do next: every failure of a command is one. */
export class Failure extends Error {
  /**
   * @param {string} message what went wrong
   * @param {string} next what to do
   * @param {number} [exit] one of EXIT
   */
  constructor(message, next, exit = EXIT.failed) {
    super(message);
    this.name = 'Failure';
    this.next = next;
    this.exit = exit;
  }
}

/**
 * The `code` of an error of Node or of a library, such as ECONNREFUSED.
 * @param {unknown} error
 * @returns {string | number | undefined}
 */
export function codeOf(error) {
  const { code } = /** @type {{ code?: string | number }} */ (error ?? {});
  return code;
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
