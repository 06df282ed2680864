//! Keeps Debian's packages from starting their services while they are installed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Debian asks this program whether a service may be started (invoke-rc.d(8)).
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Of Beaconry's set-up, for as long as it installs: start nothing.\nexit 101\n";

/// While this lives, what is installed starts no service.
pub(super) struct Quiet(Option<PathBuf>);

impl Quiet {
    /// A policy that the machine has stays as it is.
    pub(super) fn keep() -> Result<Self> {
        let policy = PathBuf::from(POLICY);
        if policy.exists() || !nix::unistd::geteuid().is_root() || !Path::new("/usr/sbin").is_dir() {
            return Ok(Self(None));
        }
        fs::write(&policy, POLICY_TEXT).with_context(|| format!("cannot write {POLICY}"))?;
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))?;
        Ok(Self(Some(policy)))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(policy) = &self.0 {
            // Where it stays, the next service that somebody installs does not start; its text says why.
            let _ = fs::remove_file(policy);
        }
    }
}
