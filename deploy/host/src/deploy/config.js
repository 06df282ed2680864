import { posix } from 'node:path';

import { EXIT, Failure } from '../failure.js';

/** What stands in config.example.php for what only the team knows. */
const EXAMPLE_KEY = "'a-public-key' => 'shop'";
const EXAMPLE_ORIGIN = "'https://shop.example.com'";
const EXAMPLE_DATA = /('data' => \[\n)[^\]]*\]/;

/**
 * `config.php` as it is made once: the example, with the app's key and origins in it.
 * @param {string} example
 * @param {import('../settings.js').Settings} settings
 * @param {import('../settings.js').Place} place
 */
export function fillConfig(example, settings, place) {
  const app = settings.need('the name of the app', 'TELEMETRY_APP', 'VITE_APP');
  const origins = settings.origins();
  if (origins.length === 0) throw noOrigin();
  let text = put(example, EXAMPLE_KEY, () => `${quote(settings.key())} => ${quote(app)}`);
  text = put(text, EXAMPLE_ORIGIN, () => origins.map(quote).join(',\n        '));
  const logs = settings.get('TELEMETRY_LOGS');
  if (!logs) return text;
  const path = logs.startsWith('/') ? quote(logs) : `__DIR__ . ${quote(`/${posix.relative(place.folder, logs)}`)}`;
  return put(text, EXAMPLE_DATA, (_, before) => `${before}        ${path},\n    ]`);
}

/**
 * @param {string} text
 * @param {string | RegExp} example
 * @param {(...matched: string[]) => string} own
 */
function put(text, example, own) {
  const changed = text.replace(example, own);
  if (changed !== text) return changed;
  const next = 'copy it to config.php on the host yourself, and put key and origins into it; then run the command again';
  throw new Failure(`config.example.php has no ${example}`, next);
}

/** @param {string} text */
function quote(text) {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function noOrigin() {
  const next = 'put the address of the app\'s pages into .env, such as https://shop.example.com (several: with commas between)';
  return new Failure('TELEMETRY_ORIGIN is not set, and config.php has to name who may send', next, EXIT.settings);
}
