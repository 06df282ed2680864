import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { openRemote } from '../src/remote/open.js';
import { Settings } from '../src/settings.js';
import { cleanUp } from '../testing/clean-up.js';
import { filesOf, servedVersion, setUp, writeDropIn } from '../testing/drop-in.js';
import { PROTOCOLS } from '../testing/hosts.js';
import { makeWorld } from '../testing/world.js';

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
  const remote = await openRemote(new Settings(world.app, {}).host());
  cleanUp(t, remote.close);
  const listed = await remote.files('htdocs/telemetry');
  assert.ok(listed?.length && !listed.some(({ name }) => name.startsWith('.')), 'the server lists them after all');
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
