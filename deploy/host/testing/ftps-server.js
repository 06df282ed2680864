import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, listening, nobody, stop } from './process.js';

/**
 * Debian's vsftpd, under TLS with a certificate of its own, for the user `anonymous` alone: it needs neither root nor PAM.
 * @param {string} dir a folder of its own
 * @param {{ password?: string, hideDotfiles?: boolean, root?: string, asNobody?: boolean, isImplicit?: boolean }} [how] as nobody: files have modes
 *   that count, which for root have none
 */
export async function startFtps(dir, how = {}) {
  const { password = 'correct horse', hideDotfiles = false, root = join(dir, 'root') } = how;
  mkdirSync(root, { recursive: true });
  mkdirSync(join(dir, 'empty'));
  const { certificate, key, fingerprint } = makeCertificate(dir, 'server');
  writeFileSync(join(dir, 'passwords'), `${password}\n`);
  const port = await freePort();
  // One at a time is enough, and known to the proxy.
  const dataPort = await freePort();
  const config = join(dir, 'vsftpd.conf');
  const lines = {
    listen: 'YES',
    listen_address: '127.0.0.1',
    listen_port: port,
    background: 'NO',
    run_as_launching_user: 'YES',
    secure_chroot_dir: join(dir, 'empty'),
    anonymous_enable: 'YES',
    local_enable: 'NO',
    secure_email_list_enable: 'YES',
    email_password_file: join(dir, 'passwords'),
    anon_root: root,
    anon_umask: '022',
    write_enable: 'YES',
    anon_upload_enable: 'YES',
    anon_mkdir_write_enable: 'YES',
    anon_other_write_enable: 'YES',
    anon_world_readable_only: 'NO',
    // `LIST -a` then lists none either.
    ...(hideDotfiles && { hide_file: '{.*}' }),
    ssl_enable: 'YES',
    implicit_ssl: how.isImplicit ? 'YES' : 'NO',
    allow_anon_ssl: 'YES',
    force_anon_logins_ssl: 'YES',
    force_anon_data_ssl: 'YES',
    require_ssl_reuse: 'YES',
    rsa_cert_file: certificate,
    rsa_private_key_file: key,
    seccomp_sandbox: 'NO',
    pasv_address: '127.0.0.1',
    pasv_min_port: dataPort,
    pasv_max_port: dataPort,
    xferlog_enable: 'YES',
    xferlog_std_format: 'NO',
    log_ftp_protocol: 'YES',
    vsftpd_log_file: join(dir, 'vsftpd.log'),
  };
  writeFileSync(config, Object.entries(lines).map(([name, value]) => `${name}=${value}\n`).join(''));
  if (how.asNobody) nobody.own(dir);
  const child = spawn('vsftpd', [config], { ...(how.asNobody && nobody.user), detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  await listening(port, child);
  return { port, ports: [port, dataPort], root, certificate, fingerprint, password, log: join(dir, 'vsftpd.log'), stop: () => stop(child) };
}

/**
 * A self-signed certificate and its key.
 * @param {string} dir
 * @param {string} name
 */
export function makeCertificate(dir, name) {
  const certificate = join(dir, `${name}.crt`);
  const key = join(dir, `${name}.key`);
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  openssl('req', '-x509', ...kind, ...names, '-keyout', key, '-out', certificate);
  const fingerprint = openssl('x509', '-in', certificate, '-noout', '-fingerprint', '-sha256').trim().split('=')[1] ?? '';
  return { certificate, key, fingerprint };
}

/** @param {...string} args */
function openssl(...args) {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  return stdout;
}
