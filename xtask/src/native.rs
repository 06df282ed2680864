//! What the workspace has for this machine: built by one call of cargo, so that each dependency is built once, with the features
//! that all packages together ask for. A call for each package would build half of them twice, and swap the collector's program
//! under the tests that run it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::shell::Cmd;

/// A test program that cargo has built.
struct Program {
    /// The package's folder, where its tests run.
    folder: PathBuf,
    /// Of the target: the library's or the test's.
    name: String,
    path: PathBuf,
}

/// Every test program of some packages.
#[derive(Default)]
pub(crate) struct Programs {
    root: PathBuf,
    packages: Vec<&'static str>,
    programs: Vec<Program>,
}

impl Programs {
    /// Builds the programs of these packages, and their tests; `cmd` makes a command in the checkout `root`.
    pub(crate) fn build(root: &Path, packages: Vec<&'static str>, cmd: &dyn Fn(&str) -> Cmd) -> Result<Self> {
        let cargo = cmd("cargo").args(["test", "--no-run", "--message-format=json-render-diagnostics"]);
        let built = select(cargo, &packages).read()?;
        let mut programs: Vec<Program> = built.lines().filter_map(parse).collect();
        // Cargo names them as they are done.
        programs.sort_by(|a, b| a.name.cmp(&b.name));
        ensure!(packages.is_empty() || !programs.is_empty(), "cargo names no test programs");
        Ok(Self { root: root.to_owned(), packages, programs })
    }

    /// Runs the tests of the package in `folder`: all, or of the targets that `only` names.
    pub(crate) fn run(&self, folder: &str, only: &[&str], cmd: &dyn Fn(&str) -> Cmd) -> Result<()> {
        let folder = self.root.join(folder);
        let is_meant = |program: &&Program| {
            program.folder == folder && (only.is_empty() || only.contains(&&*program.name))
        };
        let chosen: Vec<&Program> = self.programs.iter().filter(is_meant).collect();
        ensure!(
            !chosen.is_empty() && chosen.len() >= only.len(),
            "{} has no such tests: {only:?}",
            folder.display()
        );
        chosen.iter().try_for_each(|program| cmd(&program.path.to_string_lossy()).dir(&folder).run())
    }

    /// Runs the examples in the documentation of all packages.
    pub(crate) fn run_docs(&self, cmd: &dyn Fn(&str) -> Cmd) -> Result<()> {
        select(cmd("cargo").args(["test", "--doc"]), &self.packages).run()
    }
}

fn select(cargo: Cmd, packages: &[&str]) -> Cmd {
    packages.iter().fold(cargo, |cargo, package| cargo.args(["-p", package]))
}

/// A line of cargo's messages, if it is of a test program.
fn parse(line: &str) -> Option<Program> {
    let (_, rest) = line.split_once("\"profile\":{")?;
    let (profile, rest) = rest.split_once('}')?;
    let path = profile.contains("\"test\":true").then(|| text_after(rest, "\"executable\":\""))??;
    let folder = Path::new(text_after(line, "\"manifest_path\":\"")?).parent()?;
    let target = line.split_once("\"target\":{")?.1;
    Some(Program {
        folder: folder.into(),
        name: text_after(target, "\"name\":\"")?.into(),
        path: path.into(),
    })
}

fn text_after<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    Some(line.split_once(start)?.1.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///src/crates/core#beaconry-core@0.1.0","manifest_path":"/src/crates/core/Cargo.toml","target":{"kind":["test"],"crate_types":["bin"],"name":"batching","src_path":"/src/crates/core/tests/batching.rs","edition":"2024","doc":false,"doctest":false,"test":true},"#;

    #[test]
    fn a_test_program_is_known_by_its_profile() {
        let built = |is_test: bool, executable: &str| {
            format!(
                r#"{START}"profile":{{"opt_level":"0","debuginfo":0,"debug_assertions":true,"overflow_checks":true,"test":{is_test}}},"features":[],"filenames":[],"executable":{executable},"fresh":false}}"#
            )
        };
        let program = parse(&built(true, "\"/target/batching-1\"")).unwrap();
        assert_eq!((program.folder.as_path(), &*program.name), (Path::new("/src/crates/core"), "batching"));
        assert_eq!(program.path, Path::new("/target/batching-1"));
        assert!(parse(&built(true, "null")).is_none());
        assert!(parse(&built(false, "\"/target/beaconry\"")).is_none());
        assert!(parse("{\"reason\":\"build-finished\",\"success\":true}").is_none());
    }
}
