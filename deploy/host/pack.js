// What the package carries from its neighbours: laid beside it while npm packs, and taken away again.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const COPIES = [
  ['../php', 'php'],
  ['../compose.yaml', 'stack/compose.yaml'],
  ['../loki', 'stack/loki'],
  ['../prometheus', 'stack/prometheus'],
  ['../grafana/provisioning', 'stack/grafana/provisioning'],
  ['../grafana/dashboards', 'stack/grafana/dashboards'],
  ['../../LICENSE-MIT', 'LICENSE-MIT'],
  ['../../LICENSE-APACHE', 'LICENSE-APACHE'],
];

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
/** What a developer's own drop-in has beside the source. */
const isOwn = (/** @type {string} */ file) => /[\\/](config\.php|node_modules|test)$/.test(file);

for (const name of ['php', 'stack', 'LICENSE-MIT', 'LICENSE-APACHE']) rmSync(path(name), { recursive: true, force: true });
if (process.argv[2] === 'copy') {
  for (const [from = '', to = ''] of COPIES) {
    if (!existsSync(path(from))) throw new Error(`${from} is missing: pack in a checkout`);
    cpSync(path(from), path(to), { recursive: true, filter: (file) => !isOwn(file) });
  }
}
