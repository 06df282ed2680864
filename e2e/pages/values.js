// What is hard to store, by name. `awkward.rs` says in which form each is to arrive.
export const awkward = {
  accents: () => 'Grüße, 世界, مرحبا, नमस्ते',
  emoji: () => '👩‍👩‍👧‍👦 🏳️‍🌈 🧪',
  controls: () => '\u0000\u001f\u007f\u2028\u2029"\\/\n\r\t',
  loneSurrogates: () => 'a\ud800b\udc00c',
  deep: () => {
    let value = { end: true };
    for (let depth = 0; depth < 30; depth++) value = { in: value };
    return value;
  },
  cyclic: () => {
    const value = { name: 'a', list: [] };
    value.self = value;
    value.list.push(value);
    return value;
  },
  bigint: () => 12345678901234567890n,
  error: () => new RangeError('out of range', { cause: new Error('inside') }),
  getter: () => ({
    before: 1,
    get bad() {
      throw new Error('this getter always throws');
    },
    after: 2,
  }),
  numbers: () => [0, -1.5, 1e300, NaN, Infinity, -Infinity],
  date: () => new Date(0),
  map: () => new Map([['a', 1], ['b', { c: 2 }]]),
  set: () => new Set(['a', 'b']),
  nothing: () => ({ a: undefined, b: null, c: [undefined] }),
  symbol: () => Symbol('name'),
  callable: () => function named() {},
  bytes: () => new Uint8Array(12),
  node: () => Object.assign(document.createElement('div'), { id: 'box' }),
  proxy: () => new Proxy({ a: 1 }, { ownKeys: () => { throw new Error('this proxy has no keys for anyone'); } }),
  huge: () => 'é'.repeat(100_000),
};
