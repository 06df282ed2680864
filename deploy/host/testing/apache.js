import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { cleanUp } from './clean-up.js';
import { freePort, listening, nobody, stop } from './process.js';

const MODULES = '/usr/lib/apache2/modules';
/** Settings of a host that are against us: whatever PHP has to say would stand in the answer. */
const INI = 'display_errors = On\ndisplay_startup_errors = On\nlog_errors = On\nopcache.revalidate_freq = 0\n';

/**
 * Debian's Apache with PHP inside, as nobody where the test runs as root: permissions count.
 * @param {import('node:test').TestContext} t
 * @param {string} dir a folder of its own
 * @param {string} documentRoot
 * @param {{ php?: 'all' | 'entry alone' | 'none', withoutSqlite?: boolean }} [how] what is run as PHP
 */
export async function startApache(t, dir, documentRoot, { php = 'all', withoutSqlite = false } = {}) {
  mkdirSync(dir);
  mkdirSync(documentRoot, { recursive: true });
  const port = await freePort();
  const config = join(dir, 'apache.conf');
  writeFileSync(config, text(dir, documentRoot, port, php));
  writeFileSync(join(dir, 'php.ini'), INI);
  mkdirSync(join(dir, 'extensions'));
  nobody.own(dir);
  // Instead of the folder that names all of Debian's extensions.
  const env = { ...process.env, ...(withoutSqlite && { PHP_INI_SCAN_DIR: join(dir, 'extensions') }) };
  // With a group of its own, for its children end with it.
  const child = spawn('apache2', ['-f', config, '-DFOREGROUND'], { ...nobody.user, env, detached: true, stdio: 'ignore' });
  cleanUp(t, () => stop(child));
  await listening(port, child);
  return { port, origin: `http://127.0.0.1:${port}` };
}

/**
 * @param {string} dir
 * @param {string} root
 * @param {number} port
 * @param {'all' | 'entry alone' | 'none'} php
 */
function text(dir, root, port, php) {
  const modules = ['mpm_prefork', 'authz_core', 'dir', 'autoindex', 'mime'].map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`);
  const module = readdirSync(MODULES).find((name) => /^libphp.*\.so$/.test(name));
  const files = php === 'all' ? '\\.php$' : '^ingest\\.php$';
  return `ServerName localhost
ServerRoot ${dir}
DefaultRuntimeDir ${dir}
PidFile ${dir}/apache.pid
ErrorLog ${dir}/error.log
Listen 127.0.0.1:${port}
${modules.join('\n')}
LoadModule php_module ${MODULES}/${module}
PHPIniDir ${dir}
Mutex sem
StartServers 2
MaxRequestWorkers 8
TypesConfig /dev/null
AddType text/html .html
AddType text/css .css
AddType text/javascript .js
AddType application/wasm .wasm
DirectoryIndex index.html
DocumentRoot ${root}
<Directory ${root}>
  Options Indexes
  AllowOverride None
  Require all granted
</Directory>
${php === 'none' ? '' : `<FilesMatch "${files}">\n  SetHandler application/x-httpd-php\n</FilesMatch>`}
`;
}
