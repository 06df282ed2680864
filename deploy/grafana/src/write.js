/** Writes ../dashboards: `npm run dashboards`. A test says when that was forgotten. */

import { writeFileSync } from 'node:fs';

import { files } from './dashboards.js';

for (const { name, text } of files()) {
  writeFileSync(new URL(`../dashboards/${name}`, import.meta.url), text);
  console.log(`dashboards/${name}`);
}
