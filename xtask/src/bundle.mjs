// Bundles the package's main entry as an app's bundler would, and prints one line a file: its role, a tab, its path.
// Roles: facade (what a page parses at once), driver (what comes with the wasm), and, in brackets, what is
// loaded only when.
import { build } from 'esbuild';
import { join } from 'node:path';

const [pkg, outdir] = process.argv.slice(2);

/**
 * @param {string} entry
 * @param {string[]} external
 */
async function bundle(entry, external) {
  await build({
    entryPoints: [join(pkg, entry)],
    outdir,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    absWorkingDir: pkg,
    external,
  });
  return join(outdir, entry);
}

// Bundles instead of esbuild's splitting, which would move what two share into another file: Rollup and webpack leave it in the
// one that is loaded anyway.
const names = (/** @type {string[]} */ ...files) => files.flatMap((name) => [`./${name}.js`, `../${name}.js`]);
const RARE = { adoption: '(other streams stored)', 'last-line': '(after a second trap)' };
const OF_FACADE = names('flag', 'options', 'serialize', 'writer');
const OF_DRIVER = names('messages', 'streams', 'platform/storage');
console.log(`facade\t${await bundle('index.js', ['./takeover.js'])}`);
console.log(`driver\t${await bundle('takeover.js', [...OF_FACADE, ...names(...Object.keys(RARE))])}`);
for (const [name, role] of Object.entries(RARE)) console.log(`${role}\t${await bundle(`${name}.js`, [...OF_FACADE, ...OF_DRIVER])}`);
