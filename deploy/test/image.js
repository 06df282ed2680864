/**
 * Builds ../Dockerfile with Debian's buildah, which needs neither an engine nor a registry: `node test/image.js FOLDER [CACHES]`
 * leaves the image's files in FOLDER/root, and what describes it in FOLDER/image.json. What cargo downloads and builds on the way is
 * kept in CACHES, as an engine keeps it for all checkouts; by default in FOLDER.
 *
 * No image can be pulled where this runs, so the build image is this machine itself: its /usr and its Rust toolchain, read-only,
 * around an empty folder. Every line of the Dockerfile runs, and what the image holds in the end is what it would hold anyway: our
 * program and the C library it was linked with.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = 'localhost/beaconry-build-base';
const IMAGE = 'localhost/beaconry';
/** What is read below /etc by programs that look up users, names and certificates. */
const ETC = ['passwd', 'group', 'ld.so.cache', 'ssl', 'alternatives', 'nsswitch.conf', 'resolv.conf', 'hosts'];

const [folder, caches] = process.argv.slice(2);
if (!folder) throw new Error('usage: node test/image.js FOLDER [CACHES]');
build(resolve(folder), resolve(caches ?? join(folder, 'tmp')));

/** @param {string} folder @param {string} caches */
function build(folder, caches) {
  // Layers are copied, not shared, by `vfs`, the one way to store them that works everywhere; the images are small.
  const storage = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  // Its cache mounts are below the folder for temporary files.
  mkdirSync(caches, { recursive: true });
  const environment = { ...process.env, TMPDIR: caches };
  /** @param {string[]} args */
  const buildah = (...args) =>
    execFileSync('buildah', [...storage, ...args], {
      cwd: CHECKOUT,
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }).trim();

  const base = buildah('from', 'scratch');
  buildah('copy', '-q', base, skeleton(join(folder, 'skeleton')), '/');
  buildah('config', '--env', 'PATH=/opt/rust/bin:/usr/bin:/bin', base);
  buildah('commit', '-q', '--rm', base, BASE);

  const toolchain = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).trim();
  const args = [
    'bud',
    '--isolation',
    'chroot',
    '--layers=false',
    '-f',
    'deploy/Dockerfile',
    '--ignorefile',
    'deploy/Dockerfile.dockerignore',
  ];
  const binds = ['-v', '/usr:/usr:ro', '-v', `${toolchain}:/opt/rust:ro`];
  execFileSync('buildah', [...storage, ...args, ...binds, '--build-arg', `BUILD_IMAGE=${BASE}`, '-t', IMAGE, '.'], {
    cwd: CHECKOUT,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });

  const container = buildah('from', IMAGE);
  rmSync(join(folder, 'root'), { recursive: true, force: true });
  // With its owners, which Node's own copy does not keep.
  execFileSync('cp', ['-a', buildah('mount', container), join(folder, 'root')]);
  const { OCIv1 } = JSON.parse(buildah('inspect', '--type', 'image', IMAGE));
  writeFileSync(join(folder, 'image.json'), JSON.stringify(OCIv1.config, undefined, 2));
  buildah('rm', '--all'); // one of a build that was broken off, too
  buildah('rmi', '--prune');
}

/** The folders that the build image needs around this machine's /usr. @param {string} path */
function skeleton(path) {
  rmSync(path, { recursive: true, force: true });
  for (const name of ['etc', 'usr', 'opt/rust', 'tmp', 'root', 'var', 'proc', 'sys', 'dev', 'run'])
    mkdirSync(join(path, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(path, name));
  for (const name of ETC.filter((name) => existsSync(join('/etc', name)))) {
    cpSync(realpathSync(join('/etc', name)), join(path, 'etc', name), { recursive: true, verbatimSymlinks: true });
  }
  return path;
}
