import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { startProxy } from '../testing/cutting-proxy.js';
import { filesOf, servedVersion, writeDropIn } from '../testing/drop-in.js';
import { PROTOCOLS, startHost } from '../testing/hosts.js';
import { makeWorld } from '../testing/world.js';

/** Of whoever deploys; no collector's address, so nothing is asked over HTTP. */
const APP = { VITE_TELEMETRY_TOKEN: 'the-key', VITE_TELEMETRY_APP: 'the app', TELEMETRY_ORIGIN: 'https://app.example' };
/** How often a connection is broken off, each time a bit later. */
const CUTS = 12;

/**
 * @param {import('node:test').TestContext} t
 * @param {'ftps' | 'sftp'} protocol
 * @param {{ hideDotfiles?: boolean }} [how]
 */
async function setUp(t, protocol, how) {
  const world = makeWorld(t);
  const host = await startHost(t, protocol, world.dir, how);
  const source = join(world.dir, 'php');
  writeDropIn(source, 'one');
  world.write({ ...host.settings, TELEMETRY_PHP: source, ...APP });
  return { world, host, source };
}

for (const protocol of PROTOCOLS) {
  test(`${protocol}: uploads everything once, then only what changed`, async (t) => {
    const { world, host, source } = await setUp(t, protocol);
    const first = await world.run('deploy');
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /7 files uploaded/);
    assert.equal(servedVersion(host.site), 'one');
    assert.ok(existsSync(host.logs));
    const after = filesOf(host.site);
    assert.deepEqual(after.filter((path) => path.includes('.ht-')), ['.ht-beaconry.php']);

    const second = await world.run('deploy');
    assert.match(second.out, /everything was there already/);
    assert.deepEqual(filesOf(host.site), after);

    writeDropIn(source, 'one', { '.htaccess': '# changed\n' });
    const third = await world.run('deploy');
    assert.match(third.out, / {2}\.htaccess, 10 B\n.*1 files uploaded/s);
    assert.equal(readFileSync(join(host.site, '.htaccess'), 'utf8'), '# changed\n');
  });

  test(`${protocol}: config.php is made once and never touched again`, async (t) => {
    const { world, host, source } = await setUp(t, protocol);
    writeDropIn(source, 'one', { 'config.php': '<?php // of whoever develops\n' });
    const first = await world.run('deploy');
    assert.match(first.out, /config\.php is made from the example/);
    const config = join(host.site, 'config.php');
    assert.match(readFileSync(config, 'utf8'), /'the-key' => 'the app'.*'https:\/\/app\.example'/s);
    writeFileSync(config, '<?php // mine\n');
    writeDropIn(source, 'two', { 'config.example.php': '<?php // another example\n' });
    rmSync(join(host.site, '.ht-beaconry.php'));
    const second = await world.run('deploy');
    assert.equal(second.code, 0, second.err);
    assert.match(second.out, /config\.php is there, and stays as it is/);
    assert.equal(readFileSync(config, 'utf8'), '<?php // mine\n');
    assert.equal(servedVersion(host.site), 'two');
  });

  test(`${protocol}: what the host lost or damaged is uploaded again`, async (t) => {
    const { world, host } = await setUp(t, protocol);
    await world.run('deploy');
    rmSync(join(host.site, '.htaccess'));
    writeFileSync(join(host.site, 'ingest.php'), 'short');
    const again = await world.run('deploy');
    assert.match(again.out, /2 files uploaded/);
    assert.equal(servedVersion(host.site), 'one');
  });

  test(`${protocol}: two versions back, a library is deleted; what is not ours stays`, async (t) => {
    const { world, host, source } = await setUp(t, protocol);
    await world.run('deploy');
    writeFileSync(join(host.site, 'index.html'), 'the shop');
    const libraries = () => new Set(filesOf(host.site).map((path) => path.split('/')[0] ?? '').filter((name) => name.startsWith('lib-')));
    const [one] = libraries();
    writeDropIn(source, 'two');
    await world.run('deploy');
    assert.equal(libraries().size, 2, 'requests under way may still load the one before');
    writeDropIn(source, 'three');
    const { code, err } = await world.run('deploy');
    assert.equal(code, 0, err);
    assert.equal(libraries().size, 2);
    assert.ok(!existsSync(join(host.site, one ?? '')), 'the folder too');
    assert.equal(servedVersion(host.site), 'three');
    assert.equal(readFileSync(join(host.site, 'index.html'), 'utf8'), 'the shop');
  });

  test(`${protocol}: wherever an upload breaks off, one version runs, and the next try ends it`, async (t) => {
    const { world, host, source } = await setUp(t, protocol);
    await world.run('deploy');
    const before = join(world.dir, 'before');
    cpSync(host.site, before, { recursive: true });
    writeDropIn(source, 'two');
    const proxy = await startProxy(host.ports);
    t.after(proxy.stop);
    assert.equal((await world.run('deploy', host.proxied)).code, 0);
    const all = proxy.passed();
    const seen = new Set();
    for (let cut = 1; cut <= CUTS; cut += 1) {
      rmSync(host.site, { recursive: true });
      cpSync(before, host.site, { recursive: true });
      proxy.cutAfter(Math.round((all * cut) / (CUTS + 1)));
      const broken = await world.run('deploy', host.proxied);
      assert.equal(broken.code, 3, `after ${cut} of ${CUTS}: ${broken.out}${broken.err}`);
      assert.match(broken.err, /\n {2}next: /);
      for (const entry of ['ingest.php', 'rotate-logs.php']) {
        const served = servedVersion(host.site, entry);
        assert.match(served ?? 'nothing', /^(one|two)$/, `after ${cut} of ${CUTS}`);
        seen.add(served);
      }
      proxy.cutAfter(Infinity);
      const again = await world.run('deploy', host.proxied);
      assert.equal(again.code, 0, again.err);
      assert.equal(servedVersion(host.site), 'two');
      assert.deepEqual(filesOf(host.site).filter((path) => path.includes('.ht-')), ['.ht-beaconry.php']);
    }
    assert.ok(seen.has('one'), 'no cut came early enough');
  });

  test(`${protocol}: a folder where the login may not write is named`, async (t) => {
    const { world, host } = await setUp(t, protocol);
    // A file where the folder should be is refused to root too.
    mkdirSync(join(host.root, 'htdocs'));
    writeFileSync(host.site, '');
    const { code, err } = await world.run('deploy');
    assert.equal(code, 1);
    assert.match(err, /the host refused to make the folder .*\n {2}next: check that the folder in TELEMETRY_HOST is right/);
  });
}

test('ftps: a host that lists no files with a dot changes nothing', async (t) => {
  const { world, host, source } = await setUp(t, 'ftps', { hideDotfiles: true });
  assert.equal((await world.run('deploy')).code, 0);
  assert.match((await world.run('deploy')).out, /everything was there already/);
  writeDropIn(source, 'two');
  assert.match((await world.run('deploy')).out, /5 files uploaded/);
  assert.equal(servedVersion(host.site), 'two');
});

test('a folder without a drop-in is refused before the host is asked', async (t) => {
  const world = makeWorld(t);
  mkdirSync(join(world.app, 'empty'));
  world.write({ TELEMETRY_PHP: 'empty' });
  const { code, err } = await world.run('deploy');
  assert.equal(code, 2);
  assert.match(err, /there is no ingest\.php/);
});
