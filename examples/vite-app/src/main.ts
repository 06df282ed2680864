import { loadShelf, pay } from './api';
import { Cart, MANY, type Item } from './cart';
import { guard, startErrorHandler } from './errorHandler';
import { loggerFor, startLogger } from './logger';
import { startPerformance, timed } from './performance';
import { startRouter } from './router';
import { telemetry } from './telemetry';
import { cartView, shelf } from './view';
import './style.css';

startErrorHandler(); // first: the others may fail
startLogger();
startPerformance();

const log = loggerFor('shop');
const cart = new Cart();
const find = (selector: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
};

function add(item: Item): void {
  cart.add(item);
  find('#count').textContent = `${cart.items.length}`;
  log.action('added to cart', { item: item.id });
  if (cart.items.length > MANY) log.warn('the cart is full', { items: cart.items.length });
}

async function show(path: string): Promise<void> {
  const start = performance.now();
  const view = path === '/cart' ? cartView(cart.items, cart.cents) : shelf(await loadShelf(), add);
  timed('render', () => find('#view').replaceChildren(view));
  log.perf('show', performance.now() - start, { path });
}

async function checkout(): Promise<void> {
  try {
    await pay(cart.cents);
  } catch (error) {
    log.error('the payment failed', error, { items: cart.items.length });
  }
}

find('#pay').addEventListener('click', () => void checkout());
find('#throw').addEventListener('click', guard(() => {
  throw new TypeError('the shelf is empty', { cause: new RangeError('no item 7') });
}));
find('#reject').addEventListener('click', () => void Promise.reject(new Error('nobody waits for this')));

startRouter((path) => void show(path));
log.info('started');
setInterval(() => (find('#telemetry').textContent = telemetry.stats().mode), 200);
