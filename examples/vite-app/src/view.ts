import { price, type Item } from './cart';

/** The shelf: one button an item. */
export function shelf(items: Item[], onAdd: (item: Item) => void): HTMLElement {
  return list(items, ({ name, cents }) => `${name}, ${price(cents)}`, onAdd);
}

export function cartView(items: Item[], cents: number): HTMLElement {
  const view = list(items, ({ name }) => name);
  view.append(element('p', `Together ${price(cents)}`));
  return view;
}

function list(items: Item[], text: (item: Item) => string, onClick?: (item: Item) => void): HTMLElement {
  const view = element('div');
  for (const item of items) {
    const row = element(onClick ? 'button' : 'p', text(item));
    if (onClick) row.addEventListener('click', () => onClick(item));
    view.append(row);
  }
  return view;
}

function element(tag: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
