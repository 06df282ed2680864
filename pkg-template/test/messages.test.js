import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as messages from '../messages.js';

test('driver and core give the same numbers to the same words', () => {
  const source = readFileSync(new URL('../../src/messages.rs', import.meta.url), 'utf8');
  const found = [...source.matchAll(/const (\w+): u32 = (\w+(?:::MAX)?);/g)].map(([, name, value]) => [name, value === 'u32::MAX' ? 0xffffffff : Number(value)]);
  assert.ok(found.length > 30);
  const said = Object.fromEntries(found.filter(([name]) => name in messages));
  for (const [name, value] of Object.entries(said)) assert.equal(messages[name], value, name);
  // Those of the driver's own.
  const own = Object.keys(messages).filter((name) => !(name in said));
  assert.deepEqual(own.sort(), ['HIGH', 'NORMAL', 'REASONS']);
});
