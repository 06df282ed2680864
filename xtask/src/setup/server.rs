//! Real servers that the forwarder's tests start: each found on the PATH, or built or unpacked once into a folder of its version.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;
use crate::setup::{Found, announce};
use crate::shell::{Cmd, which};

/// Loki takes 8 minutes on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);
/// Compiles with two processes: one needs up to 1 GB of memory.
const PARALLEL: &str = "-p=2";

/// A program of Go, with a module of its own under `xtask/go`, so that everybody builds the same.
struct GoServer {
    /// Of the program, of its folder under `xtask/go`, and of the tool.
    name: &'static str,
    /// The module whose version in `go.mod` is the program's.
    module: &'static str,
    package: &'static str,
    /// The variable of the package that holds its version.
    version: &'static str,
    /// Tells the tests where the program is.
    var: &'static str,
}

const LOKI: GoServer = GoServer {
    name: "loki",
    module: "github.com/grafana/loki/v3",
    package: "github.com/grafana/loki/v3/cmd/loki",
    version: "github.com/grafana/loki/v3/pkg/util/build.Version",
    var: "BEACONRY_LOKI",
};

const OTELCOL: GoServer = GoServer {
    name: "otelcol",
    module: "go.opentelemetry.io/collector/otelcol",
    package: ".",
    version: "main.version",
    var: "BEACONRY_OTELCOL",
};

/// The one on the PATH must be of the same line: Debian's `loki` is a program of genetics.
pub(super) fn loki(repo: &Repo) -> Result<Found> {
    LOKI.ensure(repo)
}

pub(super) fn otelcol(repo: &Repo) -> Result<Found> {
    OTELCOL.ensure(repo)
}

impl GoServer {
    fn ensure(&self, repo: &Repo) -> Result<Found> {
        let source = repo.root.join("xtask/go").join(self.name);
        let version = self.locked_version(&source)?;
        let found = |said, program: PathBuf| Found {
            said,
            vars: vec![(self.var, program.into())],
            ..Found::default()
        };
        if let Some(program) = which(self.name)
            && let Some(said) = says_version(&program, version.split('.').next().unwrap_or_default())
        {
            return Ok(found(format!("{said}, {}", program.display()), program));
        }
        let dir = repo.tool(self.name, &version);
        let program = dir.join("bin").join(self.name);
        if says_version(&program, &version).is_some() {
            return Ok(found(format!("{version}, cached"), program));
        }
        self.build(repo, &source, &version, &program)
            .with_context(|| self.by_hand(&source, &version, &program))?;
        Ok(found(format!("{version}, built"), program))
    }

    fn build(&self, repo: &Repo, source: &Path, version: &str, program: &Path) -> Result<()> {
        if which("go").is_none() {
            bail!("there is no Go here to build it: https://go.dev/dl");
        }
        announce(&format!("go build {} {version} (minutes)", self.name));
        // What was broken off must not look like the program.
        let unfinished = program.with_extension("unfinished");
        let flags = self.flags(version);
        let go = Cmd::new("go").args(["build", PARALLEL, "-trimpath", "-buildvcs=false", &flags, "-o"]);
        go.arg(&unfinished)
            .arg(self.package)
            .dir(source)
            .limit(BUILD_LIMIT)
            .run_quiet(&repo.log(self.name))?;
        Ok(fs::rename(unfinished, program)?)
    }

    fn flags(&self, version: &str) -> String {
        format!("-ldflags=-s -w -X {}={version}", self.version)
    }

    fn by_hand(&self, source: &Path, version: &str, program: &Path) -> String {
        let (flags, source, program) = (self.flags(version), source.display(), program.display());
        format!(
            "by hand, in {source}: go build '{flags}' -o {program} {}; or put one on the PATH",
            self.package
        )
    }

    /// As `3.7.8`.
    fn locked_version(&self, source: &Path) -> Result<String> {
        let file = source.join("go.mod");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let version = module_version(&text, self.module);
        version.with_context(|| format!("{} names no version of {}", file.display(), self.module))
    }
}

/// Debian's package, unpacked: to install it would start a service on this machine.
pub(super) fn prometheus(repo: &Repo) -> Result<Found> {
    const PACKAGE: &str = "prometheus";
    let found = |said, program: PathBuf| Found {
        said,
        vars: vec![("BEACONRY_PROMETHEUS", program.into())],
        ..Found::default()
    };
    if let Some(program) = which(PACKAGE)
        && let Some(said) = says_version(&program, "")
    {
        return Ok(found(format!("{said}, {}", program.display()), program));
    }
    if which("apt-get").is_none() || which("dpkg-deb").is_none() {
        bail!("missing, and this is no Debian: put a prometheus on the PATH, https://prometheus.io/download");
    }
    let dir = repo.tool(PACKAGE, "debian");
    let program = dir.join("usr/bin/prometheus");
    if let Some(said) = says_version(&program, "") {
        return Ok(found(format!("{said}, cached"), program));
    }
    announce("apt-get download prometheus");
    unpack(repo, PACKAGE, &dir).with_context(|| {
        format!("by hand: apt-get download {PACKAGE} && dpkg-deb -x {PACKAGE}_*.deb {}", dir.display())
    })?;
    let said = says_version(&program, "").context("Debian's prometheus does not run here")?;
    Ok(found(format!("{said}, of Debian"), program))
}

fn unpack(repo: &Repo, package: &str, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let log = repo.log(package);
    // As another user than root, apt could not write into a folder that is root's alone.
    let download = || {
        let apt = Cmd::new("apt-get").args(["download", "-o", "APT::Sandbox::User=", package]);
        apt.dir(dir).limit(DOWNLOAD_LIMIT).run_quiet(&log)
    };
    if download().is_err() {
        Cmd::new("apt-get").arg("update").limit(DOWNLOAD_LIMIT).run_quiet(&log)?;
        download()?;
    }
    let is_package = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "deb");
    let file = fs::read_dir(dir)?.filter_map(|entry| Some(entry.ok()?.path())).find(is_package);
    let file = file.with_context(|| format!("no package came into {}", dir.display()))?;
    Cmd::new("dpkg-deb").arg("-x").arg(&file).arg(dir).limit(DOWNLOAD_LIMIT).run_quiet(&log)?;
    Ok(fs::remove_file(file)?)
}

/// `program version 1.2.3`, where that is the program and its version begins so.
fn says_version(program: &Path, start: &str) -> Option<String> {
    let name = program.file_name()?.to_str()?;
    let text = Cmd::new(program).arg("--version").ask().ok()?;
    let mut words = text.lines().next()?.split([' ', ',']).filter(|word| !word.is_empty());
    let is_it = words.next()? == name && words.next()? == "version";
    let version = words.next()?.trim_start_matches('v');
    let fits = start.is_empty() || version == start || version.strip_prefix(start)?.starts_with('.');
    (is_it && fits).then(|| version.to_owned())
}

/// The version of a module in a `go.mod`, without its `v`.
fn module_version(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split(' ');
        (words.next() == Some(module))
            .then(|| words.next())?
            .map(|version| version.trim_start_matches('v').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::module_version;

    #[test]
    fn the_version_is_the_one_that_go_builds() {
        let go_mod = "module x\n\ntool a.b/loki/v3/cmd/loki\n\nrequire (\n\ta.b/loki/v3 v3.7.8 // indirect\n\ta.b/loki/v3/pkg v1.0.0\n)\n";
        assert_eq!(module_version(go_mod, "a.b/loki/v3").as_deref(), Some("3.7.8"));
        assert_eq!(module_version("require a.b/c v0.1.0\n", "a.b/c").as_deref(), Some("0.1.0"));
        assert_eq!(module_version(go_mod, "a.b/none"), None);
    }
}
