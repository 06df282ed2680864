//! What a compiler has for the wasm target, and which release it is.

use std::path::Path;

use anyhow::{Context as _, Result};

pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Whether a sysroot has std for wasm32. An empty folder is not enough.
pub(super) fn has_target(sysroot: &Path) -> bool {
    let lib = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    lib.read_dir().is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
    })
}

/// Whether a sysroot has what `-Zbuild-std` reads.
pub(super) fn has_source(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file()
}

/// The release of a compiler, from its `-vV`.
pub(super) fn release(verbose: &str) -> Result<String> {
    let line = verbose.lines().find_map(|line| line.strip_prefix("release: "));
    Ok(line.context("`rustc -vV` names no release")?.to_owned())
}
