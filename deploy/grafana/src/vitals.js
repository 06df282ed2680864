/** Web vitals and their limits, by https://web.dev/articles/vitals: up to the first good, from the second on poor. */

/** @typedef {{ name: string, says: string, limits: [number, number], unit: string, decimals: number }} Vital */

/** @type {Vital[]} */
export const VITALS = [
  { name: 'LCP', says: 'until the largest part of the page was painted', limits: [2500, 4000], unit: 'ms', decimals: 0 },
  { name: 'INP', says: 'from an interaction to the next frame, the slowest of the visit', limits: [200, 500], unit: 'ms', decimals: 0 },
  { name: 'CLS', says: 'how much the layout jumped', limits: [0.1, 0.25], unit: 'none', decimals: 3 },
  { name: 'FCP', says: 'until the first text or image', limits: [1800, 3000], unit: 'ms', decimals: 0 },
  { name: 'TTFB', says: 'until the first byte of the page', limits: [800, 1800], unit: 'ms', decimals: 0 },
];
