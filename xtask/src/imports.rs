//! Short names for what the wasm imports. wasm-bindgen ends each with a hash of 16 digits, in the module and in its glue: a
//! twentieth of what a page downloads, which nothing compresses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::setup::Tools;

/// With what wasm-bindgen's names begin.
const MARKS: [&str; 2] = ["__wbg_", "__wbindgen_"];
/// Digits of the hash with which they end, behind an underscore.
const HASH: usize = 16;

/// Renames in the module and in its glue; leaves the module as text, which wasm-opt reads too.
pub(crate) fn shorten(tools: &Tools, features: &[&str], wasm: &Path, glue: &Path) -> Result<()> {
    let text = wasm.with_extension("wat");
    tools.cmd("wasm-dis").args(features).arg(wasm).arg("-o").arg(&text).run()?;
    let script = fs::read_to_string(glue)?;
    let names = short_names(&script);
    let module = fs::read_to_string(&text).context("wasm-dis wrote no text")?;
    fs::remove_file(&text)?;
    fs::write(wasm, renamed(&module, &names))?;
    fs::write(glue, renamed(&script, &names))?;
    Ok(())
}

/// Of each long name its middle; where two have the same, a number tells them apart.
fn short_names(script: &str) -> BTreeMap<&str, String> {
    let mut names = BTreeMap::new();
    for name in words(script).filter(|word| !word.is_empty()) {
        let Some(middle) = middle_of(name) else { continue };
        if !names.contains_key(name) {
            let taken = |short: &String| names.values().any(|other| other == short);
            let mut numbered = (2..).map(|n| format!("{middle}{n}"));
            let first = Some(middle.to_owned()).filter(|short| !taken(short));
            let Some(short) = first.or_else(|| numbered.find(|short| !taken(short))) else { continue };
            names.insert(name, short);
        }
    }
    names
}

/// `name` of `__wbg_name_0123456789abcdef`.
fn middle_of(word: &str) -> Option<&str> {
    let rest = MARKS.iter().find_map(|mark| word.strip_prefix(mark))?;
    let (middle, hash) = rest.split_at_checked(rest.len().checked_sub(HASH)?)?;
    let is_hash = hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    middle.strip_suffix('_').filter(|middle| is_hash && !middle.is_empty())
}

fn renamed(text: &str, names: &BTreeMap<&str, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for word in words(text) {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        out.push_str(&text[at..start]);
        out.push_str(names.get(word).map_or(word, String::as_str));
        at = start + word.len();
    }
    out.push_str(&text[at..]);
    out
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| character != '_' && !character.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::{renamed, short_names};

    #[test]
    fn a_name_loses_its_hash_in_every_place_and_stays_apart_from_its_namesake() {
        let script =
            "__wbg_now_0123456789abcdef: f, __wbg_now_fedcba9876543210: g, __wbg_init(x), __wbindgen_malloc";
        let names = short_names(script);
        assert_eq!(renamed(script, &names), "now: f, now2: g, __wbg_init(x), __wbindgen_malloc");
        let module = r#"(import "./b.js" "__wbg_now_fedcba9876543210" (func $__wbg_now_fedcba9876543210))"#;
        assert_eq!(renamed(module, &names), r#"(import "./b.js" "now2" (func $now2))"#);
    }
}
