// Bundles the package's entries as an app's bundler would, and prints one line a file: its role, a tab, its path.
// Roles: facade (what a page parses at once), glue (what comes with the wasm), and the modules that an app may add.
import { build } from 'esbuild';
import { join } from 'node:path';

const [pkg, outdir] = process.argv.slice(2);

/** @type {import('esbuild').BuildOptions} */
const OPTIONS = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  absWorkingDir: pkg,
};

/**
 * @param {string} entry
 * @param {string[]} external
 */
async function bundle(entry, external) {
  await build({ ...OPTIONS, entryPoints: [join(pkg, entry)], outdir, external });
  return join(outdir, entry);
}

// Two bundles instead of esbuild's splitting, which would move what both share into a third file: Rollup and webpack leave
// it in the facade, which is loaded anyway.
const SHARED = ['flag', 'options', 'serialize', 'writer'].flatMap((name) => [`./${name}.js`, `../${name}.js`]);
console.log(`facade\t${await bundle('index.js', ['./takeover.js'])}`);
console.log(`glue\t${await bundle('takeover.js', SHARED)}`);
for (const name of ['logger', 'error-handler', 'performance']) {
  console.log(`${name}\t${await bundle(`${name}.js`, ['web-vitals/attribution'])}`);
}
// What `performance` loads once it is installed: of the library, the five functions that it uses.
const VITALS = "export { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals/attribution';";
const outfile = join(outdir, 'web-vitals.js');
await build({ ...OPTIONS, stdin: { contents: VITALS, resolveDir: pkg }, outfile });
console.log(`web-vitals\t${outfile}`);
