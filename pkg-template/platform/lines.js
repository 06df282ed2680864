import { callLine, eventLine } from '../serialize.js';

/**
 * The lines of events that happen now: the facade's serialiser makes them.
 * @param {(line: string) => void} trackLine
 */
export const lines = (trackLine) => ({
  trackLine,

  /**
   * @param {string} type
   * @param {unknown} data
   */
  track: (type, data) => trackLine(eventLine(type, data, Date.now())),

  /**
   * @param {string} method log, error, metric, event or vital
   * @param {unknown[]} args
   */
  call: (method, ...args) => trackLine(callLine(method, args, Date.now())),
});
