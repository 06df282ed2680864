import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../', import.meta.url);

/** The files that one needs, at once or later, from the package's folder. */
function neededBy(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  const code = readFileSync(new URL(file, ROOT), 'utf8').replace(/\/\*[^]*?\*\//g, '');
  for (const [, name] of code.matchAll(/(?:from |import\()'(\.[^']+)'/g)) {
    neededBy(new URL(name, new URL(file, ROOT)).href.slice(ROOT.href.length), found);
  }
  return found;
}

test('Rust front ends bring along all that the client may load', () => {
  const source = readFileSync(new URL('../src/client.rs', ROOT), 'utf8');
  const named = [...source.matchAll(/"\/pkg-template\/([^"]+)"/g)].map(([, file]) => file);
  const needed = [...neededBy('open.js')];
  assert.ok(needed.length > 20);
  assert.deepEqual([...new Set(named)].sort(), needed.sort());
});
