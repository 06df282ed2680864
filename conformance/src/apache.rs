//! Apache with PHP inside (Debian's apache2-bin and libapache2-mod-php), as a host that lets nobody override anything.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::php::{Site, program};
use crate::process::Server;

const MODULES: &str = "/usr/lib/apache2/modules";

/// Starts it.
///
/// # Errors
/// Where it or its module of PHP is missing.
pub fn start(dir: &Path, site: &Site, address: SocketAddr) -> Result<Server> {
    let config = dir.join("apache.conf");
    fs::write(&config, text(dir, site, address)?)?;
    let mut command = Command::new(program(&["apache2", "httpd"])?);
    command.arg("-f").arg(&config).arg("-DFOREGROUND");
    if !site.has_extensions {
        command.env("PHP_INI_SCAN_DIR", "");
    }
    Server::start(&mut command, &dir.join("apache.log"))
}

fn text(dir: &Path, site: &Site, address: SocketAddr) -> Result<String> {
    let (dir, root) = (dir.display(), site.document_root());
    let modules: String = ["mpm_prefork", "authz_core", "dir", "autoindex", "mime"]
        .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
        .concat();
    Ok(format!(
        "ServerName localhost\nServerRoot {dir}\nDefaultRuntimeDir {dir}\nPidFile {dir}/apache.pid\nListen {address}\n\
         {modules}LoadModule php_module {php}\nPHPIniDir {dir}\nMutex sem\nErrorLog {dir}/apache-error.log\n\
         StartServers 4\nMaxRequestWorkers 8\nTypesConfig /dev/null\nDirectoryIndex index.html\n\
         DocumentRoot {root}\n<Directory {root}>\nOptions Indexes\nAllowOverride {overrides}\nRequire all granted\n</Directory>\n\
         <FilesMatch \"\\.php$\">\nSetHandler application/x-httpd-php\n</FilesMatch>\n",
        overrides = if site.may_override { "All" } else { "None" },
        php = php_module()?.display(),
        root = root.display()
    ))
}

/// `libphp8.2.so`, of whatever version is installed.
fn php_module() -> Result<PathBuf> {
    let files = fs::read_dir(MODULES).context("no Apache: run `cargo xtask setup php`")?;
    let mut modules = files.flatten().map(|file| file.path());
    let is_php =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libphp"));
    modules.find(is_php).context("Apache has no PHP: run `cargo xtask setup php`")
}
