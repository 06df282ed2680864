//! The proof of the delivery promise: every scenario in every engine, see `e2e/matrix/`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use lexopt::{Arg, Parser};

use crate::package::{self, Std};
use crate::repo::Repo;
use crate::setup::{self, Tool, Way};
use crate::shell::Cmd;

/// What a run of all engines needs.
pub(crate) const NEEDS: [Tool; 7] = [
    Tool::NodePackages,
    Tool::Wasm,
    Tool::WasmBindgen,
    Tool::WasmPack,
    Tool::Chromium,
    Tool::Firefox,
    Tool::WebKit,
];
/// A whole proof takes hours.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// `cargo xtask matrix`: its options are those of the program, but for how the wasm is built.
pub(crate) fn run(repo: &Repo, mut args: Parser) -> Result<()> {
    let (mut way, mut passed) = (None, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("wasm-from") => way = Some(Way::parse(&args.value()?)?),
            Arg::Long("fresh") => passed.push("--fresh".into()),
            Arg::Long(name @ ("engine" | "scenario" | "runs" | "jobs")) => {
                passed.push(format!("--{name}").into());
                passed.push(args.value()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let tools = setup::prepare(repo, &NEEDS, way)?;
    package::build(repo, &tools, Std::best(&tools))?;
    let cmd = |program: &str| tools.cmd(program).dir(&repo.root).limit(LIMIT);
    cmd("cargo").args(["build", "-p", "beaconry-collector", "-p", "beaconry-e2e", "--bins"]).run()?;
    let report = repo.root.join("e2e/MATRIX.md");
    program(repo, crate::demo::collector(repo), cmd).args(passed).arg("--report").arg(report).run()
}

/// The step of the tests: each scenario once in Chromium, and in the others what they have of their own.
pub(crate) fn test(repo: &Repo, collector: PathBuf, cmd: impl Fn(&str) -> Cmd) -> Result<()> {
    program(repo, collector, cmd).args(["--quick", "--fresh"]).run()
}

/// The program, which is built.
fn program(repo: &Repo, collector: PathBuf, cmd: impl Fn(&str) -> Cmd) -> Cmd {
    cmd(&repo.target.join("debug/matrix").to_string_lossy())
        .env("BEACONRY_PACKAGE", repo.target.join("package"))
        .env("BEACONRY_COLLECTOR", collector)
}
