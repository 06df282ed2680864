import type { Item } from './cart';

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  const answer = await fetch(path, init);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return (await answer.json()) as T;
}

export const loadShelf = (): Promise<Item[]> => ask('/api/shelf');

export const pay = (cents: number): Promise<void> =>
  ask('/api/pay', { method: 'POST', body: JSON.stringify({ cents }), headers: { 'Content-Type': 'application/json' } });
