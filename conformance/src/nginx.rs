//! nginx with php-fpm (Debian's packages), as its documentation tells to set it up.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::php::{Site, program};
use crate::process::Server;

/// php-fpm has one name a version.
const FPM: [&str; 6] = ["php-fpm8.5", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1", "php-fpm"];

/// Starts nginx.
///
/// # Errors
/// Where it is missing.
pub fn start(dir: &Path, site: &Site, address: SocketAddr) -> Result<Server> {
    let config = dir.join("nginx.conf");
    fs::write(&config, text(dir, site, address))?;
    let mut command = Command::new(program(&["nginx"])?);
    command.arg("-c").arg(&config).arg("-e").arg(dir.join("nginx-error.log"));
    Server::start(&mut command, &dir.join("nginx.log"))
}

/// Starts php-fpm, the parent of all that run PHP.
///
/// # Errors
/// Where it is missing.
pub fn start_fpm(dir: &Path, site: &Site) -> Result<Server> {
    let config = dir.join("fpm.conf");
    let socket = dir.join("fpm.sock");
    fs::write(
        &config,
        format!(
            "[global]\nerror_log = {log}\ndaemonize = no\n[www]\nlisten = {}\npm = static\npm.max_children = {}\n\
             catch_workers_output = yes\n",
            socket.display(),
            site.workers,
            log = dir.join("fpm.log").display()
        ),
    )?;
    let mut command = Command::new(program(&FPM)?);
    command.arg("--nodaemonize").arg("-y").arg(&config).arg("-c").arg(site.ini());
    if !site.has_extensions {
        command.env("PHP_INI_SCAN_DIR", "");
    }
    Server::start(&mut command, &dir.join("fpm-out.log"))
}

fn text(dir: &Path, site: &Site, address: SocketAddr) -> String {
    let dir = dir.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {dir}/tmp-{name};\n"))
        .concat();
    let params: String = [
        ("QUERY_STRING", "$query_string"),
        ("REQUEST_METHOD", "$request_method"),
        ("CONTENT_TYPE", "$content_type"),
        ("CONTENT_LENGTH", "$content_length"),
        ("SCRIPT_FILENAME", "$document_root$fastcgi_script_name"),
        ("SCRIPT_NAME", "$fastcgi_script_name"),
        ("DOCUMENT_ROOT", "$document_root"),
        ("SERVER_PROTOCOL", "$server_protocol"),
    ]
    .map(|(name, value)| format!("fastcgi_param {name} {value};\n"))
    .concat();
    format!(
        "daemon off;\npid {dir}/nginx.pid;\nworker_processes 1;\nevents {{ worker_connections 64; }}\n\
         http {{\naccess_log off;\n{temporary}client_max_body_size 2m;\n\
         server {{\nlisten {address};\nroot {root};\nautoindex on;\n\
         location ~ \\.php$ {{\n{params}fastcgi_pass unix:{dir}/fpm.sock;\n}}\n}}\n}}\n",
        root = site.document_root().display()
    )
}
