import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { cleanUp } from '../testing/clean-up.js';
import { startProxy } from '../testing/cutting-proxy.js';
import { filesOf, servedVersion, setUp, writeDropIn } from '../testing/drop-in.js';
import { PROTOCOLS } from '../testing/hosts.js';

/** How often a connection is broken off, each time a bit later. */
const CUTS = 6;

for (const protocol of PROTOCOLS) {
  test(`${protocol}: wherever an upload breaks off, one version runs, and the next try ends it`, async (t) => {
    const { world, host, source } = await setUp(t, protocol);
    await world.run('deploy');
    const before = join(world.dir, 'before');
    cpSync(host.site, before, { recursive: true });
    writeDropIn(source, 'two');
    const proxy = await startProxy(host.ports);
    cleanUp(t, proxy.stop);
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
}
