//! The servers of a host where files are uploaded: FTPS and SFTP, Debian's. The tests start their own, never the services.

use std::path::Path;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::quiet::Quiet;
use crate::setup::{Found, apt};
use crate::shell::which;

/// Program and package.
const SERVERS: [(&str, &str); 3] = [("vsftpd", "vsftpd"), ("sshd", "openssh-server"), ("openssl", "openssl")];
/// Not on everybody's PATH.
const FOLDER: &str = "/usr/sbin";

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    let how = if missing().is_empty() { "found" } else { "of Debian" };
    if !missing().is_empty() {
        let _quiet = Quiet::keep()?;
        apt::install(repo, &missing())?;
    }
    let missing = missing();
    if !missing.is_empty() {
        bail!("still missing: {}", missing.join(", "));
    }
    Ok(Found { said: format!("vsftpd and sshd, {how}"), path: vec![FOLDER.into()], ..Found::default() })
}

/// The packages that are.
fn missing() -> Vec<&'static str> {
    let has = |name: &str| which(name).is_some() || Path::new(FOLDER).join(name).is_file();
    SERVERS.into_iter().filter(|(program, _)| !has(program)).map(|(_, package)| package).collect()
}
