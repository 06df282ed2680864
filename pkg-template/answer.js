import { ACCOUNTED, DISABLED, ERROR, STALE } from './messages.js';
import { attempt } from './serialize.js';

/**
 * What the body of an answer says, in the core's words; nothing where no collector said it.
 * @param {string} text
 * @returns {number[]}
 */
export const readAnswer = (text) =>
  attempt(() => {
    const { stored, rejected = [], stale, error, phase } = JSON.parse(text);
    if (stored) {
      const numbers = [...stored.flat(), ...rejected.map((/** @type {any} */ { batch }) => batch)];
      // A number that is none would be taken for another.
      if (numbers.every((number) => number >>> 0 === number)) return [ACCOUNTED, stored.length, ...numbers];
    }
    if (stale) return [STALE];
    if (phase === 'DISABLED') return [DISABLED];
    if (error) return [ERROR];
  }) ?? [0];
