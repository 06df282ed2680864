//! What a page downloads, in bytes: facade, driver and wasm of the package's main entry, minified as a bundler would; and what it
//! loads only when it needs it.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::ops::AddAssign;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use lexopt::Parser;

use crate::package::{self, Std};
use crate::repo::Repo;
use crate::setup::{self, Tools, Way};

/// Gzip bytes of facade, driver and wasm together: between OpenTelemetry's logs SDK (13.9 kB), which persists nothing, and Sentry
/// (31.7 kB). What a killed browser and a missing WebAssembly take is in it.
const BUDGET: usize = 18_000;
/// Gzip bytes of the facade: all that a page parses before it paints.
const FACADE_BUDGET: usize = 4_096;

/// `cargo xtask size`.
pub(crate) fn run(repo: &Repo, args: Parser) -> Result<()> {
    let way = Way::only(args)?;
    let tools = setup::prepare(repo, &package::NEEDS, way)?;
    package::build(repo, &tools, Std::best(&tools))?;
    check(repo, &tools)
}

/// Measures the package that is there, prints it, and fails over the budget.
pub(crate) fn check(repo: &Repo, tools: &Tools) -> Result<()> {
    let package = repo.target.join("package");
    let mut sizes = Vec::new();
    for (role, file) in bundle(repo, tools, &package)? {
        sizes.push((role, Size::of(Path::new(&file))?));
    }
    sizes.push(("wasm".to_owned(), Size::of(&package.join("wasm/beaconry_bg.wasm"))?));
    let (mut all, mut facade) = (Size::default(), Size::default());
    tools.say(&format!("{:<24} {:>8} {:>8} {:>8}", "bytes", "raw", "gzip -9", "brotli"));
    for (role, size) in &sizes {
        tools.say(&format!("{role:<24} {size}"));
        if !role.starts_with('(') {
            all += *size;
        }
        if role == "facade" {
            facade += *size;
        }
    }
    tools.say(&format!("{:<24} {all}", "all"));
    for (name, size, budget) in [("all", all, BUDGET), ("the facade", facade, FACADE_BUDGET)] {
        if size.gzip > budget {
            bail!("{name}: {} bytes gzip, {} over the budget of {budget}", size.gzip, size.gzip - budget);
        }
        tools.say(&format!("{name}: {} bytes gzip below the budget of {budget}", budget - size.gzip));
    }
    Ok(())
}

/// The bundled files of the package with their roles.
fn bundle(repo: &Repo, tools: &Tools, package: &Path) -> Result<Vec<(String, String)>> {
    let out = repo.target.join("size");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let node = tools.cmd("node").arg(repo.root.join("xtask/src/bundle.mjs")).arg(package).arg(&out);
    let text = node.read().context("the package cannot be bundled")?;
    let line = |line: &str| line.split_once('\t').map(|(role, file)| (role.to_owned(), file.to_owned()));
    text.lines().map(|text| line(text).context("a line without a role")).collect()
}

/// A file in bytes: as it is, and as servers send it.
#[derive(Clone, Copy, Default)]
struct Size {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

impl Size {
    fn of(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&bytes)?;
        let mut brotli = Vec::new();
        brotli::BrotliCompress(
            &mut bytes.as_slice(),
            &mut brotli,
            &brotli::enc::BrotliEncoderParams::default(),
        )?;
        Ok(Self { raw: bytes.len(), gzip: gzip.finish()?.len(), brotli: brotli.len() })
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.raw += other.raw;
        self.gzip += other.gzip;
        self.brotli += other.brotli;
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8} {:>8} {:>8}", self.raw, self.gzip, self.brotli)
    }
}
