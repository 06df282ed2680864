// Bundles the package's main entry as an app's bundler would, and prints one line a file: its role, a tab, its path.
// Roles: facade (what a page parses at once), glue (what comes with the wasm), other (loaded only where those fail).
import { build } from 'esbuild';
import { join } from 'node:path';

const [pkg, outdir] = process.argv.slice(2);
const { metafile } = await build({
  entryPoints: [join(pkg, 'index.js')],
  outdir,
  bundle: true,
  splitting: true,
  minify: true,
  metafile: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  absWorkingDir: pkg,
});

const { outputs } = metafile;

/** An output with all that it imports statically. */
function withImports(path, seen = new Set()) {
  if (!seen.has(path)) {
    seen.add(path);
    for (const { path: next, kind, external } of outputs[path].imports) {
      if (kind === 'import-statement' && !external) withImports(next, seen);
    }
  }
  return seen;
}

const outputOf = (entry) => Object.keys(outputs).find((path) => outputs[path].entryPoint === entry);
const glueEntry = outputOf('wasm/beaconry.js');
if (!glueEntry) throw new Error('index.js imports no ./wasm/beaconry.js');

const facade = withImports(outputOf('index.js'));
const glue = withImports(glueEntry);
for (const path of Object.keys(outputs)) {
  const role = facade.has(path) ? 'facade' : glue.has(path) ? 'glue' : 'other';
  console.log(`${role}\t${join(pkg, path)}`);
}
