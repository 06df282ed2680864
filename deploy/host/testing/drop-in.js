import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { startHost } from './hosts.js';
import { makeWorld } from './world.js';

/**
 * Writes a drop-in of a version: the shape of the real one, with the version in every file that runs.
 * @param {string} dir
 * @param {string} version
 * @param {Record<string, string>} [more] path → text
 */
export function writeDropIn(dir, version, more = {}) {
  const filler = '// a line that makes it as long as a real one\n'.repeat(60);
  const files = {
    '.htaccess': '# the same in every version\n',
    'config.example.php': "<?php return [\n    'keys' => ['a-public-key' => 'shop'],\n    'origins' => ['https://shop.example.com'],\n];\n",
    'ingest.php': `<?php // ${version}\nrequire __DIR__ . '/lib/autoload.php';\n${filler}`,
    'rotate-logs.php': `<?php // ${version}\nrequire __DIR__ . '/lib/autoload.php';\n`,
    'lib/autoload.php': `<?php // ${version}\n${filler}`,
    'lib/Http/Answer.php': `<?php // ${version}\n${filler}`,
    'lib/Store/Store.php': `<?php // ${version}\n${filler}`,
    ...more,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

/**
 * The version that a request would be answered by: of the entry, if all that it may load is whole and of that version too.
 * @param {string} site
 * @param {string} [entry]
 * @returns {string | undefined} undefined where nothing is served
 */
export function servedVersion(site, entry = 'ingest.php') {
  if (!existsSync(join(site, entry))) return undefined;
  const text = readFileSync(join(site, entry), 'utf8');
  const version = versionOf(text);
  const library = /'\/([\w-]+)\/autoload\.php'/.exec(text)?.[1] ?? 'none';
  const loaded = ['autoload.php', 'Http/Answer.php', 'Store/Store.php'].map((path) => readFileSync(join(site, library, path), 'utf8'));
  const versions = new Set(loaded.map((file) => (file.endsWith('real one\n') && file.length > 2_000 ? versionOf(file) : 'torn')));
  return versions.size === 1 && versions.has(version) ? version : `mixed: entry ${version}, library ${[...versions]}`;
}

/** @param {string} text */
function versionOf(text) {
  return /^<\?php \/\/ (\w+)\n/.exec(text)?.[1] ?? 'torn';
}

/**
 * Every file of a folder, by path, but for those of the logs.
 * @param {string} dir
 */
export function filesOf(dir) {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(dir.length + 1)).sort();
}

/** Of whoever deploys; no collector's address, so nothing is asked over HTTP. */
const APP = { VITE_TELEMETRY_TOKEN: 'the-key', VITE_APP: 'the app', TELEMETRY_ORIGIN: 'https://app.example' };

/**
 * A host, and a team that deploys a drop-in of version one.
 * @param {import('node:test').TestContext} t
 * @param {'ftps' | 'sftp'} protocol
 * @param {{ hideDotfiles?: boolean }} [how]
 */
export async function setUp(t, protocol, how) {
  const world = makeWorld(t);
  const host = await startHost(t, protocol, world.dir, how);
  const source = join(world.dir, 'php');
  writeDropIn(source, 'one');
  world.write({ ...host.settings, TELEMETRY_PHP: source, ...APP });
  return { world, host, source };
}
