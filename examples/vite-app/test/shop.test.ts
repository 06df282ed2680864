import { expect, it } from 'vitest';
import { Cart, price } from '../src/cart';
import { guard, startErrorHandler } from '../src/errorHandler';
import { loggerFor, startLogger } from '../src/logger';
import { startPerformance, timed } from '../src/performance';
import { routeOf } from '../src/router';
import { telemetry } from '../src/telemetry';

it('adds up a cart', () => {
  const cart = new Cart();
  cart.add({ id: 0, name: 'Tea', cents: 250 });
  cart.add({ id: 1, name: 'Coffee', cents: 350 });
  expect(price(cart.cents)).toBe('6.00 €');
});

it('names routes without their numbers', () => {
  expect(routeOf('/items/7/edit')).toBe('/items/:id/edit');
  expect(routeOf('/cart')).toBe('/cart');
});

it('runs without a browser: telemetry is off, and nothing throws', () => {
  startErrorHandler();
  startLogger();
  startPerformance();
  loggerFor('test').action('nothing');
  expect(telemetry.stats().mode).toBe('off');
});

it('lets results and errors through', () => {
  expect(timed('sum', () => 1 + 1)).toBe(2);
  const fails = guard(() => {
    throw new RangeError('no');
  });
  expect(fails).toThrow(RangeError);
  expect(() => timed('fails', fails)).toThrow(RangeError);
});
