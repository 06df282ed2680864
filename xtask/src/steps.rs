//! What is tested: every step with the tools that it needs, the steps that it comes after, and what it runs.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::deploy;
use crate::host;
use crate::matrix;
use crate::package::{self, Std};
use crate::repo::Repo;
use crate::setup::{self, Tool};
use crate::size;
use crate::step::{Context, Step};

/// The runner's own limit for one file of tests; its default of 20 s is short on a busy machine. Against hanging alone.
const BROWSER_TEST_SECONDS: &str = "900";
const WARNINGS_ARE_ERRORS: [&str; 3] = ["--", "-D", "warnings"];
const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];

const CORE: &str = "beaconry-core";
const COLLECTOR: &str = "beaconry-collector";
const CONFORMANCE: &str = "beaconry-conformance";
const SERVERS: &str = "beaconry-servers";
const E2E: &str = "beaconry-e2e";

/// They start in this order, as far as the lanes allow: first what many others come after, then what takes long.
pub(crate) const STEPS: &[Step] = &[
    Step::new("format", "rustfmt", &[], format),
    Step::new("package", "the tarball that npm would publish", &package::NEEDS, package),
    Step::new("image", "the collector's image, by the Dockerfile", &IMAGE_NEEDS, image),
    Step::new("build", "all that is tested on this machine", &[], build).of(&[
        CORE,
        COLLECTOR,
        CONFORMANCE,
        SERVERS,
        E2E,
    ]),
    Step::new("deny", "licences, sources and duplicates of what is used", &[Tool::CargoDeny], deny).waits(),
    Step::new("js", "types and tests of the package's JavaScript", &[Tool::NodePackages], js).waits(),
    Step::new("php", "the drop-in's code: syntax, style, and what it says by itself", &[Tool::Php], php)
        .waits(),
    Step::new("deploy", "compose file, image, dashboards on real servers, units", &deploy::NEEDS, deployment)
        .after(&["package", "image"])
        .waits(),
    Step::new("e2e", "the tarball in a browser against a collector", &E2E_NEEDS, e2e)
        .after(&["build", "package"])
        .waits()
        .of(&[COLLECTOR, E2E]),
    Step::new("matrix", "the delivery promise in three engines", &matrix::NEEDS, delivery_matrix)
        .after(&["build", "package", "e2e"])
        .waits()
        .of(&[COLLECTOR, E2E]),
    Step::new("conformance", "one suite over HTTP: collector, Apache, nginx", &[Tool::Php], conformance)
        .after(&["build"])
        .waits()
        .of(&[COLLECTOR, CONFORMANCE]),
    // Packing lays files into its folder, and takes them away.
    Step::new(
        "host",
        "the commands of beaconry-host: FTPS, SFTP, the drop-in on Apache",
        &host::NEEDS,
        host_commands,
    )
    .after(&["build", "package"])
    .waits()
    .of(&[COLLECTOR]),
    Step::new("examples", "the example apps, from the tarball to the journal", &E2E_NEEDS, examples)
        .after(&["build", "package"])
        .waits()
        .of(&[COLLECTOR, E2E]),
    // It builds the app in the example's folder, and uses the commands' packages.
    Step::new(
        "walk",
        "docs/workflow.md by the commands of a team, to Loki and back",
        &host::WALK_NEEDS,
        walk,
    )
    .after(&["build", "host", "examples"])
    .waits()
    .of(&[COLLECTOR]),
    Step::new("loki", "forward and import against a real Loki", &[Tool::Loki], loki)
        .after(&["build"])
        .waits()
        .of(&[COLLECTOR, SERVERS]),
    Step::new(
        "otlp",
        "forward to a real OpenTelemetry Collector and to Loki",
        &[Tool::Loki, Tool::Otelcol],
        otlp,
    )
    .after(&["build"])
    .waits()
    .of(&[COLLECTOR, SERVERS]),
    Step::new("prometheus", "a real Prometheus scrapes the collector", &[Tool::Prometheus], prometheus)
        .after(&["build"])
        .waits()
        .of(&[COLLECTOR, SERVERS]),
    Step::new("clippy", "lints, for this machine", &[], clippy),
    Step::new("clippy-wasm", "lints of the client, for the browser", &[Tool::Wasm], clippy_wasm),
    Step::new("client", "the client in a headless browser", &CLIENT_NEEDS, client)
        .after(&["clippy-wasm"])
        .waits(),
    Step::new("core", "the core, and the simulator's seeds", &[], core).after(&["build"]).of(&[CORE]),
    Step::new("collector", "the collector", &[], collector).after(&["build"]).of(&[COLLECTOR]),
    Step::new("xtask", "the chores' own tests", &[], xtask),
    Step::new("no-std", "the core builds where there is no std", &[Tool::Wasm], no_std),
    Step::new("packed", "the tarball's JavaScript with its WebAssembly, in Node", &package::NEEDS, packed)
        .after(&["package"]),
    Step::new("size", "the budget of bytes, of the packed tarball", &package::NEEDS, size)
        .after(&["package"]),
];

const E2E_NEEDS: [Tool; 5] =
    [Tool::NodePackages, Tool::Wasm, Tool::WasmBindgen, Tool::WasmPack, Tool::Chromium];
const CLIENT_NEEDS: [Tool; 5] =
    [Tool::NodePackages, Tool::Wasm, Tool::WasmBindgen, Tool::WasmPack, Tool::Chromium];
const IMAGE_NEEDS: [Tool; 2] = [Tool::Node, Tool::Containers];

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

fn build(context: &Context) -> Result<()> {
    context.programs().map(|_| ())
}

/// The examples in the documentation too, of all packages, for cargo would build their dependencies anew for one.
fn core(context: &Context) -> Result<()> {
    let programs = context.programs()?;
    programs.run("crates/core", &[], &|program| context.cmd(program))?;
    programs.run_docs(&|program| context.cmd(program))
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

fn collector(context: &Context) -> Result<()> {
    context.programs()?.run("crates/collector", &[], &|program| context.cmd(program))
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
    let collector = context.collector()?;
    context
        .programs()?
        .run("conformance", &[], &|program| context.cmd(program).env("BEACONRY_COLLECTOR", &collector))
}

fn js(context: &Context) -> Result<()> {
    context.cmd("npm").args(["run", "--silent", "check"]).run()?;
    context.cmd("npm").args(["test", "--silent"]).run()
}

/// Once as the npm build is, once as Rust front ends use it. Cargo is told the package, for its default members are others.
fn client(context: &Context) -> Result<()> {
    let browser = context.tools.var("CHROMIUM").context("no browser")?;
    let driver = context.tools.var("CHROMEDRIVER").context("no driver")?;
    let options = webdriver_options(context.repo, browser)?;
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
    let build = || package::build(context.repo, &context.tools, Std::best(&context.tools)).map(|_| ());
    context.made.package.get(build).map(|_| ())
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
    size::check(context.repo, &context.tools)
}

fn image(context: &Context) -> Result<()> {
    built_image(context).map(|_| ())
}

fn built_image(context: &Context) -> Result<Arc<PathBuf>> {
    context.made.image.get(|| deploy::image(context.repo, |program| context.cmd(program)))
}

/// The dashboards are filled by the example app too.
fn deployment(context: &Context) -> Result<()> {
    install_examples(context)?;
    let image = built_image(context)?;
    deploy::test(context.repo, &context.tools, &image, |program| context.cmd(program))
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
    let collector = context.collector()?;
    context
        .programs()?
        .run("servers", &[test], &|program| context.cmd(program).env("BEACONRY_COLLECTOR", &collector))
}

fn host_commands(context: &Context) -> Result<()> {
    let collector = context.collector()?;
    host::test(context.repo, &context.tools, |program| {
        context.cmd(program).env("BEACONRY_COLLECTOR", &collector)
    })
}

fn e2e(context: &Context) -> Result<()> {
    package(context)?;
    let www = context.made.www.get(|| crate::demo::assemble(context.repo))?;
    let collector = context.collector()?;
    context.programs()?.run("e2e", &["beaconry_e2e", "browser"], &|program| {
        context
            .cmd(program)
            .env("BEACONRY_PACKAGE", context.repo.target.join("package"))
            .env("BEACONRY_WWW", &*www)
            .env("BEACONRY_COLLECTOR", &collector)
    })
}

fn delivery_matrix(context: &Context) -> Result<()> {
    package(context)?;
    matrix::test(context.repo, context.collector()?, |program| context.cmd(program))
}

/// First what the Vite app's own team would run, then both apps as their users have them.
fn examples(context: &Context) -> Result<()> {
    install_examples(context)?;
    let collector = context.collector()?;
    for script in ["check", "test", "test:e2e"] {
        let npm = context
            .cmd("npm")
            .args(["run", "--silent", script])
            .dir(context.repo.root.join("examples/vite-app"));
        npm.env("BEACONRY_COLLECTOR", &collector).run()?;
    }
    context
        .programs()?
        .run("e2e", &["examples"], &|program| context.cmd(program).env("BEACONRY_COLLECTOR", &collector))
}

/// Both apps, with this checkout's packages.
fn install_examples(context: &Context) -> Result<()> {
    package(context)?;
    let install = || {
        let tarballs = [package::tarball(context.repo)?, host::tarball(context.repo)?];
        ["vanilla", "vite-app"].into_iter().try_for_each(|name| {
            let folder = context.repo.root.join("examples").join(name);
            setup::install_with(context.repo, &context.tools, &folder, &tarballs).map(|_| ())
        })
    };
    context.made.examples.get(install).map(|_| ())
}

fn walk(context: &Context) -> Result<()> {
    install_examples(context)?;
    let collector = context.collector()?;
    host::walk(context.repo, &context.tools, |program| {
        context.cmd(program).env("BEACONRY_COLLECTOR", &collector)
    })
}

#[cfg(test)]
mod tests {
    use super::STEPS;

    #[test]
    fn steps_come_after_steps_above_them() {
        for (at, step) in STEPS.iter().enumerate() {
            for name in step.plan.after {
                assert!(
                    STEPS[..at].iter().any(|above| above.plan.name == *name),
                    "{} after {name}",
                    step.plan.name
                );
            }
        }
    }
}
