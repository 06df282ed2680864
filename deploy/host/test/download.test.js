import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { cleanUp } from '../testing/clean-up.js';
import { startProxy } from '../testing/cutting-proxy.js';
import { PROTOCOLS, startHost } from '../testing/hosts.js';
import { GUARD, lines, pack } from '../testing/journal.js';
import { makeWorld } from '../testing/world.js';

const DAY = 'events-2026-11-27.jsonl';
const CUTS = 4;

/**
 * @param {import('node:test').TestContext} t
 * @param {'ftps' | 'sftp'} protocol
 * @param {{ asNobody?: boolean }} [how]
 */
async function setUp(t, protocol, how) {
  const world = makeWorld(t);
  const host = await startHost(t, protocol, world.dir, how);
  mkdirSync(host.logs);
  world.write(host.settings);
  const downloads = join(world.app, 'telemetry-logs');
  return {
    world,
    host,
    downloads,
    there: (/** @type {string} */ name) => join(host.logs, name),
    here: (/** @type {string} */ name) => readFileSync(join(downloads, name), 'utf8'),
    names: () => readdirSync(downloads).sort(),
  };
}

for (const protocol of PROTOCOLS) {
  test(`${protocol}: a journal that grows is fetched once, then what is new of it`, async (t) => {
    const { world, there, here, names } = await setUp(t, protocol);
    writeFileSync(there(`${DAY}.php`), GUARD + lines(0, 500));
    writeFileSync(there('index-0123.sqlite.php'), 'none of the journals');
    const first = await world.run('download');
    assert.equal(first.code, 0, first.err);
    assert.equal(here(DAY), lines(0, 500));
    assert.match((await world.run('download')).out, /: nothing new, .*\n0 new bytes/);
    appendFileSync(there(`${DAY}.php`), lines(500, 3));
    const third = await world.run('download');
    assert.equal(here(DAY), lines(0, 503));
    assert.match(third.out, new RegExp(`\\n${lines(500, 3).length} new bytes`));
    assert.deepEqual(names(), [DAY]);
  });

  test(`${protocol}: half a line is not brought, and may become another one`, async (t) => {
    const { world, there, here } = await setUp(t, protocol);
    writeFileSync(there(`${DAY}.php`), `${GUARD}${lines(0, 2)}{"id":"torn`);
    await world.run('download');
    assert.equal(here(DAY), lines(0, 2));
    writeFileSync(there(`${DAY}.php`), GUARD + lines(0, 4));
    await world.run('download');
    assert.equal(here(DAY), lines(0, 4));
  });

  test(`${protocol}: a journal that was packed meanwhile is completed, then left alone`, async (t) => {
    const { world, there, here, names } = await setUp(t, protocol);
    writeFileSync(there(`${DAY}.php`), GUARD + lines(0, 100));
    await world.run('download');
    // While it is being packed, both are there.
    writeFileSync(there(`${DAY}.gz.php`), 'not yet whole');
    appendFileSync(there(`${DAY}.php`), lines(100, 100));
    await world.run('download');
    assert.equal(here(DAY), lines(0, 200));
    writeFileSync(there(`${DAY}.gz.php`), pack(lines(0, 300)));
    rmSync(there(`${DAY}.php`));
    const packed = await world.run('download');
    assert.equal(packed.code, 0, packed.err);
    assert.equal(here(DAY), lines(0, 300));
    assert.match((await world.run('download')).out, /: nothing new/);
    assert.deepEqual(names(), [DAY]);
  });

  test(`${protocol}: files of one day are all brought, in their order`, async (t) => {
    const { world, there, names } = await setUp(t, protocol);
    for (const part of ['.gz', '.2', '.10']) {
      const name = part === '.gz' ? `${DAY}.gz.php` : `${DAY.replace('.jsonl', `${part}.jsonl`)}.php`;
      writeFileSync(there(name), part === '.gz' ? pack(lines(0, 5)) : GUARD + lines(5, 5));
    }
    const { out } = await world.run('download');
    assert.deepEqual([...out.matchAll(/^(events-\S+): /gm)].map(([, name]) => name), [DAY, 'events-2026-11-27.2.jsonl', 'events-2026-11-27.10.jsonl']);
    assert.equal(names().length, 3);
  });

  test(`${protocol}: where the host has another file of that name, what is here stays`, async (t) => {
    const { world, there, here, names } = await setUp(t, protocol);
    writeFileSync(there(`${DAY}.php`), GUARD + lines(0, 100));
    await world.run('download');
    writeFileSync(there(`${DAY}.php`), GUARD + lines(1_000, 200));
    const { code, out } = await world.run('download');
    assert.equal(code, 0);
    assert.match(out, /another file of this name now; the one from here stays as .*before-1\.jsonl/);
    assert.equal(here(DAY), lines(1_000, 200));
    assert.equal(here('events-2026-11-27.before-1.jsonl'), lines(0, 100));
    assert.deepEqual(names().length, 2);
  });

  test(`${protocol}: wherever a download breaks off, the next goes on from there`, async (t) => {
    const { world, host, there, here, downloads } = await setUp(t, protocol);
    const packedDay = 'events-2026-11-26.jsonl';
    writeFileSync(there(`${DAY}.php`), GUARD + lines(0, 4_000));
    writeFileSync(there(`${packedDay}.gz.php`), pack(lines(0, 9_000)));
    const proxy = await startProxy(host.ports);
    cleanUp(t, proxy.stop);
    assert.equal((await world.run('download', host.proxied)).code, 0);
    const all = proxy.passed();
    for (let cut = 1; cut <= CUTS; cut += 1) {
      rmSync(downloads, { recursive: true });
      proxy.cutAfter(Math.round((all * cut) / (CUTS + 1)));
      const broken = await world.run('download', host.proxied);
      assert.equal(broken.code, 3, `${broken.out}${broken.err}`);
      proxy.cutAfter(Infinity);
      const again = await world.run('download', host.proxied);
      assert.equal(again.code, 0, again.err);
      assert.ok(proxy.passed() < all, 'what had come came again');
      assert.equal(here(DAY), lines(0, 4_000));
      assert.equal(here(packedDay), lines(0, 9_000));
    }
  });

  test(`${protocol}: a journal that begins in another way is not taken`, async (t) => {
    const { world, there, names } = await setUp(t, protocol);
    writeFileSync(there(`${DAY}.php`), `<?php // another guard\n${lines(0, 10)}`);
    const { code, err } = await world.run('download');
    assert.equal(code, 1);
    assert.match(err, /does not begin as a journal/);
    assert.ok(!names().includes(DAY));
  });
}

test('journals of a collector of one\'s own are brought too', async (t) => {
  const { world, there, here } = await setUp(t, 'sftp');
  writeFileSync(there(DAY), lines(0, 10));
  await world.run('download');
  appendFileSync(there(DAY), lines(10, 1));
  await world.run('download');
  assert.equal(here(DAY), lines(0, 11));
});

test('ftps: a file that the login may not read is named, with what to change', async (t) => {
  const { world, host, there } = await setUp(t, 'ftps', { asNobody: true });
  writeFileSync(there(`${DAY}.php`), GUARD + lines(0, 10));
  chmodSync(there(`${DAY}.php`), 0o000);
  const { code, err } = await world.run('download');
  assert.equal(code, 1);
  assert.match(err, /the host refused sending .*\n {2}next: .*'file_mode' => 0644/);
  chmodSync(there(`${DAY}.php`), 0o644);
  assert.equal((await world.run('download')).code, 0);
  assert.ok(host.logs);
});

for (const protocol of PROTOCOLS) {
  test(`${protocol}: a full disk here is told, and what has come is kept`, async (t) => {
    const { world, there } = await setUp(t, protocol);
    const disk = join(world.dir, 'disk');
    mkdirSync(disk);
    // Only root may mount; a disk that is full in earnest is nothing that a test can make otherwise.
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status, 0, 'run this test as root');
    cleanUp(t, () => spawnSync('umount', [disk]));
    writeFileSync(there(`${DAY}.php`), GUARD + lines(0, 2_000));
    const { code, err } = await world.run('download', { TELEMETRY_DOWNLOADS: disk });
    assert.equal(code, 1, err);
    assert.match(err, /the disk of .* is full; what has come is kept\n {2}next: free some space/);
    const kept = readFileSync(join(disk, DAY), 'utf8');
    assert.ok(kept.length > 0 && lines(0, 2_000).startsWith(kept));
    spawnSync('mount', ['-o', 'remount,size=4m', disk]);
    const again = await world.run('download', { TELEMETRY_DOWNLOADS: disk });
    assert.equal(again.code, 0, again.err);
    assert.equal(readFileSync(join(disk, DAY), 'utf8'), lines(0, 2_000));
  });
}

test('journals in both folders are not mixed', async (t) => {
  const { world, host, there } = await setUp(t, 'sftp');
  writeFileSync(there(DAY), lines(0, 1));
  mkdirSync(join(host.site, 'data'), { recursive: true });
  assert.equal((await world.run('download')).code, 0);
  writeFileSync(join(host.site, 'data', `${DAY}.php`), GUARD + lines(0, 1));
  const { code, err } = await world.run('download');
  assert.equal(code, 2);
  assert.match(err, /journals in .*beaconry-data and in .*data\n {2}next: set TELEMETRY_LOGS/);
  renameSync(there(DAY), join(host.root, 'elsewhere'));
  assert.equal((await world.run('download')).code, 0);
});
