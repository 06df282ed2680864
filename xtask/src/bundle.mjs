// Bundles the package's main entry as an app's bundler would, and prints one line a file: its role, a tab, its path.
// Roles: facade (what a page parses at once), driver (what comes with the wasm), and, in brackets, what is
// loaded only when, or only by an app that imports it.
import { build } from 'esbuild';
import { basename, join } from 'node:path';

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
  return join(outdir, basename(entry));
}

// Bundles instead of esbuild's splitting, which would move what two share into another file: Rollup and webpack leave it in the
// one that is loaded anyway.
const names = (/** @type {string[]} */ ...files) => files.flatMap((name) => [`./${name}.js`, `../${name}.js`]);
const RARE = {
  adoption: '(other streams stored)',
  'platform/lease': '(without Web Locks)',
  'last-line': '(after a second trap)',
  drain: '(without the wasm)',
};
const OF_FACADE = names('flag', 'options', 'serialize', 'writer');
const OF_DRIVER = names('answer', 'books', 'messages', 'streams', ...['gate', 'storage', 'timer', 'transport'].map((name) => `platform/${name}`));
console.log(`facade\t${await bundle('index.js', ['./takeover.js'])}`);
console.log(`driver\t${await bundle('takeover.js', [...OF_FACADE, ...names(...Object.keys(RARE))])}`);
for (const [name, role] of Object.entries(RARE)) console.log(`${role}\t${await bundle(`${name}.js`, [...OF_FACADE, ...OF_DRIVER])}`);
for (const name of ['logger', 'error-handler', 'performance']) {
  console.log(`(${name})\t${await bundle(`${name}.js`, ['web-vitals/attribution'])}`);
}
// What `performance` loads once it is installed: of the library, the five functions that it uses.
const VITALS = "export { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals/attribution';";
const outfile = join(outdir, 'web-vitals.js');
await build({ ...OPTIONS, stdin: { contents: VITALS, resolveDir: pkg }, outfile });
console.log(`(web-vitals)\t${outfile}`);
