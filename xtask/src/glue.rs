//! Makes the module and its glue smaller together: short names between the two, and no code for browsers that cannot run it.
//!
//! It edits what wasm-bindgen of the locked version writes, and fails where that is not as expected.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::package::WASM_FEATURES;
use crate::setup::Tools;

/// The name of the only module from which the WebAssembly imports, as wasm-bindgen writes it.
const MODULE: &str = "\"./beaconry_bg.js\": import0";

/// Functions of the glue with a smaller body. wasm-bindgen copies a text character by character until one is not ASCII;
/// lines come by the dozen kB, which the encoder copies ten times as fast.
const BODIES: [(&str, &str); 1] = [(
    "function passStringToWasm0(arg, malloc, realloc) {",
    "function passStringToWasm0(arg, malloc) {
    const bytes = cachedTextEncoder.encode(arg);
    const ptr = malloc(WASM_VECTOR_LEN = bytes.length, 1) >>> 0;
    getUint8ArrayMemory0().set(bytes, ptr);
    return ptr;
}",
)];

/// Where `encodeInto` is missing there are no reference types either.
const POLYFILL: &str = "if (!('encodeInto' in cachedTextEncoder)) {";

/// Shortens what `wasm` and `glue` call each other, and the glue.
pub(crate) fn shrink(tools: &Tools, wasm: &Path, glue: &Path) -> Result<()> {
    let wasm_opt = tools.cmd("wasm-opt").args(WASM_FEATURES);
    let names =
        wasm_opt.arg("--minify-imports-and-exports-and-modules").arg("-o").args([wasm, wasm]).read()?;
    let text = fs::read_to_string(glue)?;
    let text = rename(&simplify(&text)?, &names)?;
    fs::write(glue, text)?;
    Ok(())
}

fn simplify(glue: &str) -> Result<String> {
    let mut text = replace_block(glue, POLYFILL, "")?;
    for (head, body) in BODIES {
        text = replace_block(&text, head, body)?;
    }
    Ok(text.replace(", wasm.__wbindgen_realloc)", ")"))
}

/// Replaces what begins with `head`, at the start of a line, and ends with a brace there.
fn replace_block(text: &str, head: &str, with: &str) -> Result<String> {
    let (before, rest) =
        text.split_once(&format!("\n{head}")).with_context(|| format!("no {head} in the glue"))?;
    let (_, after) = rest.split_once("\n}\n").with_context(|| format!("no end of {head} in the glue"))?;
    Ok([before, "\n", with, "\n", after].concat())
}

/// `names` as wasm-opt prints them: `["module", "name", "short"]` of an import, `["name", "short"]` of an export.
fn rename(glue: &str, names: &str) -> Result<String> {
    let mut text = glue.to_owned();
    for line in names.lines() {
        let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        match words[..] {
            [_, name, short] => {
                text = replace(&text, &format!("\n        {name}: "), &format!("\n        {short}: "))?;
            }
            // What the glue never calls has a short name all the same.
            [name, short] if line.trim_start().starts_with('[') => {
                for end in ["(", ";", ",", ".", ")"] {
                    text = text.replace(&format!("wasm.{name}{end}"), &format!("wasm.{short}{end}"));
                }
            }
            _ => {}
        }
    }
    replace(&text, MODULE, "a: import0")
}

fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    let (before, after) = text.split_once(from).with_context(|| format!("no {} in the glue", from.trim()))?;
    Ok([before, to, after].concat())
}

#[cfg(test)]
mod tests {
    use super::{rename, replace_block};

    #[test]
    fn imports_exports_and_the_module_get_their_short_names() {
        let glue = "{\n        __wbg_now_1: function() {},\n    \"./beaconry_bg.js\": import0 }\nwasm.start(); wasm.start_all();";
        let names = "\"imports\": [\n  [\"./beaconry_bg.js\", \"__wbg_now_1\", \"b\"]\n],\n\"exports\": [\n  [\"start\", \"c\"]\n ]";
        let short = rename(glue, names).unwrap();
        assert_eq!(short, "{\n        b: function() {},\n    a: import0 }\nwasm.c(); wasm.start_all();");
        assert!(rename("", names).is_err(), "another wasm-bindgen");
    }

    #[test]
    fn a_block_is_replaced_or_missed() {
        assert_eq!(replace_block("a\nf() {\n  x\n}\nb", "f() {", "g").unwrap(), "a\ng\nb");
        assert!(replace_block("a\nb", "f() {", "g").is_err());
    }
}
