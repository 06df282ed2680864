export interface Item {
  id: number;
  name: string;
  cents: number;
}

/** More than this in a cart is worth a warning: the page gets slow. */
export const MANY = 3;

export class Cart {
  readonly items: Item[] = [];

  add(item: Item): void {
    this.items.push(item);
  }

  get cents(): number {
    return this.items.reduce((sum, { cents }) => sum + cents, 0);
  }
}

export const price = (cents: number): string => `${(cents / 100).toFixed(2)} €`;
