//! The npm package's module: it imports nothing and exports just what `pkg-template/core.js` calls, so it needs no glue.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::Tools;

/// What Rust's compiler emits unasked: wasm-opt may use it, and no more, so that no browser is lost to an optimisation.
pub(crate) const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Numbers in, numbers out. Who adds to it has to say why.
const EXPORTS: [&str; 6] = ["memory", "poll", "push", "tell", "track", "word"];

/// Takes out what wasm-bindgen adds for values of JavaScript, of which there are none: a table, its start, and what they need.
pub(crate) fn strip(repo: &Repo, tools: &Tools, wasm: &Path) -> Result<()> {
    let nodes = EXPORTS.map(|export| format!(r#",{{"name":"{export}","export":"{export}"}}"#)).concat();
    let graph = format!(r#"[{{"name":"page","root":true,"reaches":{EXPORTS:?}}}{nodes}]"#);
    let file = repo.target.join("package-work/exports.json");
    fs::write(&file, graph)?;
    let metadce = tools.cmd("wasm-metadce").args(WASM_FEATURES).arg("--graph-file").arg(&file);
    metadce.args([wasm, Path::new("-o"), wasm]).read()?;
    Ok(())
}

/// Fails where the module is not as this file says.
pub(crate) fn check(tools: &Tools, wasm: &Path) -> Result<()> {
    const SCRIPT: &str = "const { Module } = WebAssembly;
        const module = new Module(require('fs').readFileSync(process.argv[1]));
        const names = (list) => list.map(({ name }) => name).sort().join(' ');
        console.log(`${names(Module.imports(module))}|${names(Module.exports(module))}`);";
    let found = tools.cmd("node").args(["-e", SCRIPT]).arg(wasm).read()?;
    let (imports, exports) = found.trim().split_once('|').unwrap_or_default();
    if !imports.is_empty() || exports != EXPORTS.join(" ") {
        bail!("the module imports [{imports}] and exports [{exports}], and is to export {EXPORTS:?} alone");
    }
    Ok(())
}
