//! Every test of the project, in steps: each prints its seconds, the first failure stops and says how to run it again.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lexopt::{Arg, Parser};

use crate::deploy;
use crate::host;
use crate::package::{self, Std};
use crate::repo::Repo;
use crate::setup::{self, Tool, Tools, Way};
use crate::shell::{Cmd, Interrupted};
use crate::size;

/// No step takes nearly as long, not even on a slow machine that has to build everything; one that does hangs.
const LIMIT: Duration = Duration::from_secs(1800);
/// The runner's own limit for one file of tests; its default of 20 s is short on a busy machine.
const BROWSER_TEST_SECONDS: &str = "180";
const WARNINGS_ARE_ERRORS: [&str; 3] = ["--", "-D", "warnings"];
const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];

/// What a step works with.
struct Context {
    repo: Repo,
    tools: Tools,
    /// Set once the package of this checkout has been built: no step tests an older one.
    packed: Cell<bool>,
}

struct Step {
    name: &'static str,
    what: &'static str,
    needs: &'static [Tool],
    run: fn(&Context) -> Result<()>,
}

impl Step {
    const fn new(
        name: &'static str,
        what: &'static str,
        needs: &'static [Tool],
        run: fn(&Context) -> Result<()>,
    ) -> Self {
        Self { name, what, needs, run }
    }
}

const STEPS: &[Step] = &[
    Step::new("format", "rustfmt", &[], format),
    Step::new("clippy", "lints, for this machine", &[], clippy),
    Step::new("clippy-wasm", "lints of the client, for the browser", &[Tool::Wasm], clippy_wasm),
    Step::new("deny", "licences, sources and duplicates of what is used", &[Tool::CargoDeny], deny),
    Step::new("xtask", "the chores' own tests", &[], xtask),
    Step::new("core", "the core, and the simulator's seeds", &[], core),
    Step::new("no-std", "the core builds where there is no std", &[Tool::Wasm], no_std),
    Step::new("collector", "the collector", &[], collector),
    Step::new("php", "the drop-in's code: syntax, style, and what it says by itself", &[Tool::Php], php),
    Step::new("conformance", "one suite over HTTP: collector, Apache, nginx", &[Tool::Php], conformance),
    Step::new(
        "host",
        "the commands of beaconry-host: FTPS, SFTP, the drop-in on Apache",
        &host::NEEDS,
        host_commands,
    ),
    Step::new("js", "types and tests of the package's JavaScript", &[Tool::NodePackages], js),
    Step::new("client", "the client in a headless browser", &CLIENT_NEEDS, client),
    Step::new("package", "the tarball that npm would publish", &package::NEEDS, package),
    Step::new("packed", "the tarball's JavaScript with its WebAssembly, in Node", &package::NEEDS, packed),
    Step::new("size", "the budget of bytes, of the packed tarball", &package::NEEDS, size),
    Step::new("e2e", "the tarball in a browser against a collector", &E2E_NEEDS, e2e),
    Step::new("examples", "the example apps, from the tarball to the journal", &E2E_NEEDS, examples),
    Step::new("loki", "forward and import against a real Loki", &[Tool::Loki], loki),
    Step::new(
        "otlp",
        "forward to a real OpenTelemetry Collector and to Loki",
        &[Tool::Loki, Tool::Otelcol],
        otlp,
    ),
    Step::new("prometheus", "a real Prometheus scrapes the collector", &[Tool::Prometheus], prometheus),
    Step::new("deploy", "compose file, image, dashboards on real servers, units", &deploy::NEEDS, deployment),
    Step::new(
        "walk",
        "docs/workflow.md by the commands of a team, to Loki and back",
        &host::WALK_NEEDS,
        walk,
    ),
];

const E2E_NEEDS: [Tool; 5] =
    [Tool::NodePackages, Tool::Wasm, Tool::WasmBindgen, Tool::WasmPack, Tool::Chromium];
const CLIENT_NEEDS: [Tool; 5] =
    [Tool::NodePackages, Tool::Wasm, Tool::WasmBindgen, Tool::WasmPack, Tool::Chromium];

/// `cargo xtask test`.
pub(crate) fn run(repo: Repo, mut args: Parser) -> Result<()> {
    let (mut way, mut chosen) = (None, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("wasm-from") => way = Some(Way::parse(&args.value()?)?),
            Arg::Long("list") => {
                STEPS.iter().for_each(|step| println!("{:<12} {}", step.name, step.what));
                return Ok(());
            }
            Arg::Value(name) => chosen.push(find(&name)?),
            other => return Err(other.unexpected().into()),
        }
    }
    let steps: Vec<&Step> =
        STEPS.iter().filter(|step| chosen.is_empty() || chosen.contains(&step.name)).collect();
    let wanted: Vec<Tool> =
        Tool::ALL.into_iter().filter(|tool| steps.iter().any(|step| step.needs.contains(tool))).collect();
    let start = Instant::now();
    let tools = setup::prepare(&repo, &wanted, way)?;
    let mut seconds = vec![("set-up", start.elapsed().as_secs_f32())];
    run_steps(&steps, &Context { repo, tools, packed: Cell::new(false) }, &mut seconds)?;
    println!("\nall passed");
    for (name, seconds) in &seconds {
        println!("  {name:<14} {seconds:>6.1} s");
    }
    println!("  {:<14} {:>6.1} s", "in all", start.elapsed().as_secs_f32());
    Ok(())
}

fn find(name: &OsString) -> Result<&'static str> {
    let step = STEPS.iter().find(|step| name == step.name);
    Ok(step
        .with_context(|| format!("no such step: {}; `cargo xtask test --list` names them", name.display()))?
        .name)
}

fn run_steps(steps: &[&Step], context: &Context, seconds: &mut Vec<(&'static str, f32)>) -> Result<()> {
    for step in steps {
        println!("\n=== {}: {}", step.name, step.what);
        let start = Instant::now();
        let outcome = (step.run)(context);
        let took = start.elapsed().as_secs_f32();
        match outcome {
            Ok(()) => println!("--- {}: passed in {took:.1} s", step.name),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                println!("--- {}: FAILED after {took:.1} s", step.name);
                return Err(error.context(format!(
                    "{} failed; to run it again: cargo xtask test {}",
                    step.name, step.name
                )));
            }
        }
        seconds.push((step.name, took));
    }
    Ok(())
}

impl Context {
    /// A command in the checkout that finds the tools.
    fn cmd(&self, program: &str) -> Cmd {
        self.tools.cmd(program).dir(&self.repo.root).limit(LIMIT)
    }

    /// A command that builds for the browser.
    fn wasm_cmd(&self, program: &str) -> Cmd {
        self.tools.wasm_cmd(program).dir(&self.repo.root).limit(LIMIT)
    }
}

fn format(context: &Context) -> Result<()> {
    context.cmd("cargo").args(["fmt", "--all", "--check"]).run()
}

fn clippy(context: &Context) -> Result<()> {
    context.cmd("cargo").args(["clippy", "--workspace", "--all-targets"]).args(WARNINGS_ARE_ERRORS).run()
}

/// By its own name: cargo would look for it in its home first, where rustup's lies, which has another compiler than Debian's.
fn clippy_wasm(context: &Context) -> Result<()> {
    for features in ["", "npm", "serde"] {
        let clippy =
            context.wasm_cmd("cargo-clippy").args(["clippy", "-p", "beaconry", "--all-targets"]).args(WASM);
        clippy.args(["--features", features]).args(WARNINGS_ARE_ERRORS).run()?;
    }
    Ok(())
}

fn deny(context: &Context) -> Result<()> {
    context.cmd("cargo").args(["deny", "check", "bans", "licenses", "sources"]).run()
}

fn xtask(context: &Context) -> Result<()> {
    context.cmd("cargo").args(["test", "-p", "xtask"]).run()
}

fn core(context: &Context) -> Result<()> {
    context.cmd("cargo").args(["test", "-p", "beaconry-core"]).run()
}

/// wasm32v1-none has no std in any toolchain. Its core comes from rustup, or is built from the source.
fn no_std(context: &Context) -> Result<()> {
    const TARGET: &str = "wasm32v1-none";
    let build = ["build", "-p", "beaconry-core", "--target", TARGET];
    if context.tools.wasm.has_source {
        let cargo = context.wasm_cmd("cargo").env("RUSTC_BOOTSTRAP", "1");
        return cargo.args(build).arg("-Zbuild-std=core,alloc").run();
    }
    context.cmd("rustup").args(["target", "add", TARGET]).run()?;
    context.cmd("cargo").args(build).run()
}

/// The binary too: the end-to-end tests start it.
fn collector(context: &Context) -> Result<()> {
    context.cmd("cargo").args(["test", "-p", "beaconry-collector"]).run()
}

fn php(context: &Context) -> Result<()> {
    let sources = context.repo.root.join("deploy").join("php");
    for file in
        files_below(&sources)?.into_iter().filter(|file| file.extension().is_some_and(|end| end == "php"))
    {
        // It prints a line for each good file.
        context.cmd("php").arg("-l").arg(&file).read()?;
    }
    let tests = context.repo.root.join("conformance").join("php");
    context.cmd("phpcs").arg("--standard=phpcs.xml").dir(&tests).run()?;
    context.cmd("phpunit").args(["--configuration", "."]).dir(&tests).run()
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

fn conformance(context: &Context) -> Result<()> {
    context.cmd("cargo").args(["build", "-p", "beaconry-collector"]).run()?;
    context
        .cmd("cargo")
        .args(["test", "-p", "beaconry-conformance"])
        .env("BEACONRY_COLLECTOR", crate::demo::collector(&context.repo))
        .run()
}

fn js(context: &Context) -> Result<()> {
    context.cmd("npm").args(["run", "--silent", "check"]).run()?;
    context.cmd("npm").args(["test", "--silent"]).run()
}

/// Once as the npm build is, once as Rust front ends use it. Cargo is told the package, for its default members are others.
fn client(context: &Context) -> Result<()> {
    let browser = context.tools.var("CHROMIUM").context("no browser")?;
    let driver = context.tools.var("CHROMEDRIVER").context("no driver")?;
    let options = webdriver_options(&context.repo, browser)?;
    bundle_host(context)?;
    for features in ["one-file", "one-file,serde"] {
        context
            .wasm_cmd("wasm-pack")
            .args(["test", "--headless", "--chrome", "--chromedriver"])
            .arg(driver)
            .args([".", "-p", "beaconry", "--features", features])
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &options)
            .env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TEST_SECONDS)
            .run()?;
    }
    Ok(())
}

/// The client's JavaScript as one file, which the tests load: see the feature `one-file`.
fn bundle_host(context: &Context) -> Result<()> {
    let host = ["pkg-template/open.js", "--bundle", "--format=esm", "--outfile=pkg/open.js"];
    context.cmd("npx").args(["--no-install", "esbuild", "--log-level=warning"]).args(host).run()
}

/// The browser's options, with the browser that the set-up found.
fn webdriver_options(repo: &Repo, browser: &OsStr) -> Result<PathBuf> {
    const START: &str = "\"goog:chromeOptions\": {";
    let browser = browser.to_str().context("the browser's path is no UTF-8")?;
    let options =
        fs::read_to_string(repo.root.join("webdriver.json")).context("cannot read webdriver.json")?;
    let (before, after) = options.split_once(START).context("webdriver.json has no options of Chromium")?;
    let file = repo.target.join("webdriver.json");
    fs::write(&file, format!("{before}{START}\n    \"binary\": \"{browser}\",{after}"))?;
    Ok(file)
}

fn package(context: &Context) -> Result<()> {
    if !context.packed.replace(true) {
        package::build(&context.repo, &context.tools, Std::best(&context.tools))?;
    }
    Ok(())
}

const PACKED_TESTS: [&str; 2] =
    ["pkg-template/test/packed/takeover.test.js", "pkg-template/test/packed/drain.test.js"];

fn packed(context: &Context) -> Result<()> {
    package(context)?;
    let node = context.cmd("node").arg("--test").args(PACKED_TESTS);
    node.env("BEACONRY_PACKAGE", context.repo.target.join("package")).run()
}

fn size(context: &Context) -> Result<()> {
    package(context)?;
    size::check(&context.repo, &context.tools)
}

/// The dashboards are filled by the example app too.
fn deployment(context: &Context) -> Result<()> {
    install_examples(context)?;
    deploy::test(&context.repo, &context.tools, |program| context.cmd(program))
}

fn loki(context: &Context) -> Result<()> {
    beside_servers(context, "loki")
}

fn otlp(context: &Context) -> Result<()> {
    beside_servers(context, "otlp")
}

fn prometheus(context: &Context) -> Result<()> {
    beside_servers(context, "prometheus")
}

/// The collector's program beside the servers that the set-up found: their variables say where they are.
fn beside_servers(context: &Context, test: &str) -> Result<()> {
    context.cmd("cargo").args(["build", "-p", "beaconry-collector"]).run()?;
    context
        .cmd("cargo")
        .args(["test", "-p", "beaconry-servers", "--test", test])
        .env("BEACONRY_COLLECTOR", crate::demo::collector(&context.repo))
        .run()
}

fn host_commands(context: &Context) -> Result<()> {
    host::test(&context.repo, &context.tools, |program| context.cmd(program))
}

fn e2e(context: &Context) -> Result<()> {
    package(context)?;
    let www = crate::demo::assemble(&context.repo)?;
    context.cmd("cargo").args(["build", "-p", "beaconry-collector"]).run()?;
    context
        .cmd("cargo")
        .args(["test", "-p", "beaconry-e2e", "--lib", "--test", "browser"])
        .env("BEACONRY_PACKAGE", context.repo.target.join("package"))
        .env("BEACONRY_WWW", www)
        .env("BEACONRY_COLLECTOR", crate::demo::collector(&context.repo))
        .run()
}

/// First what the Vite app's own team would run, then both apps as their users have them.
fn examples(context: &Context) -> Result<()> {
    install_examples(context)?;
    context.cmd("cargo").args(["build", "-p", "beaconry-collector"]).run()?;
    let collector = crate::demo::collector(&context.repo);
    for script in ["check", "test", "test:e2e"] {
        let npm = context
            .cmd("npm")
            .args(["run", "--silent", script])
            .dir(context.repo.root.join("examples/vite-app"));
        npm.env("BEACONRY_COLLECTOR", &collector).run()?;
    }
    context
        .cmd("cargo")
        .args(["test", "-p", "beaconry-e2e", "--test", "examples"])
        .env("BEACONRY_COLLECTOR", &collector)
        .run()
}

/// Both apps, with this checkout's packages.
fn install_examples(context: &Context) -> Result<()> {
    package(context)?;
    let tarballs = [package::tarball(&context.repo)?, host::tarball(&context.repo)?];
    for name in ["vanilla", "vite-app"] {
        let folder = context.repo.root.join("examples").join(name);
        setup::install_with(&context.repo, &context.tools, &folder, &tarballs)?;
    }
    Ok(())
}

fn walk(context: &Context) -> Result<()> {
    install_examples(context)?;
    context.cmd("cargo").args(["build", "-p", "beaconry-collector"]).run()?;
    host::walk(&context.repo, &context.tools, |program| context.cmd(program))
}
