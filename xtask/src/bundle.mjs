// Bundles the package's main entry as an app's bundler would, and prints one line a file: its role, a tab, its path.
// Roles: facade (what a page parses at once), glue (what comes with the wasm).
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

// Two bundles instead of esbuild's splitting, which would move what both share into a third file: Rollup and webpack leave
// it in the facade, which is loaded anyway.
const SHARED = ['flag', 'options', 'serialize', 'writer'].flatMap((name) => [`./${name}.js`, `../${name}.js`]);
console.log(`facade\t${await bundle('index.js', ['./takeover.js'])}`);
console.log(`glue\t${await bundle('takeover.js', SHARED)}`);
