/** All dashboards, by the name of their file. */

import { delivery } from './delivery.js';
import { errors } from './errors.js';
import { overview } from './overview.js';
import { performance } from './performance.js';
import { visit } from './session.js';

const ALL = { overview, errors, performance, delivery, session: visit };

/** What `name`.json is, byte for byte. */
export const files = () =>
  Object.entries(ALL).map(([name, make]) => ({ name: `${name}.json`, text: `${JSON.stringify(make().build(), undefined, 2)}\n` }));
