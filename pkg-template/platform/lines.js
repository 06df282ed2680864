import { callLine, eventLine } from '../serialize.js';

/** The lines of events that happen now: the facade's serialiser makes them. */
export const lines = {
  /**
   * @param {string} type
   * @param {unknown} data
   */
  eventLine: (type, data) => eventLine(type, data, Date.now()),

  /**
   * @param {string} method log, error, metric, event or vital
   * @param {unknown[]} args
   */
  callLine: (method, ...args) => callLine(method, args, Date.now()),
};
