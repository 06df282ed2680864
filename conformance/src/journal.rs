//! What a target has on its disk.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// What every file of the drop-in begins with: asked for as a page, it ends there.
pub const GUARD: &str = "<?php __halt_compiler();";

/// All whole lines of a folder's journal, in order. Those of the drop-in stand behind a guard.
///
/// # Errors
/// Where a file is no text, or has no guard though its name is a program's.
pub fn lines(folder: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in file_names(folder)? {
        let path = folder.join(&name);
        let text = fs::read_to_string(&path).with_context(|| format!("{} is no text", path.display()))?;
        let mut of_file = text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
        if name.ends_with(".php") {
            ensure!(text.starts_with(GUARD), "{name} has no guard");
            of_file.remove(0);
        }
        lines.extend(of_file.into_iter().filter_map(|line| line.strip_suffix('\n').map(str::to_owned)));
    }
    Ok(lines)
}

/// The journal's files, the oldest first.
///
/// # Errors
/// Where the folder cannot be read.
pub fn file_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("events-") && (name.ends_with(".jsonl") || name.ends_with(".jsonl.php")) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A line without what differs from target to target: the time of receipt is `R` (that of a `delivery` line twice), and
/// the User-Agent, parsed or not, is left out.
pub fn comparable(line: &str) -> String {
    let line = without_agent(line);
    let Some((before, rest)) = line.split_once("\"received\":") else { return line };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let received = &rest[..rest.len() - after.len()];
    let before = before.replace(&format!("\"ts\":{received},"), "\"ts\":R,");
    format!("{before}\"received\":R{after}")
}

/// These members stand right before `type`, whose value is one word: what an app says of itself comes before or after.
fn without_agent(line: &str) -> String {
    let Some(end) = TYPES.iter().find_map(|kind| line.find(&format!(",\"type\":\"{kind}\",\"data\":")))
    else {
        return line.to_owned();
    };
    let mut head = line[..end].to_owned();
    for name in ["ua", "device", "os", "browser"] {
        let start = head.rfind(&format!(",\"{name}\":\""));
        if let Some(start) = start.filter(|start| ends_with_string(&head[*start..], name)) {
            head.truncate(start);
        }
    }
    head + &line[end..]
}

const TYPES: [&str; 6] = ["log", "error", "metric", "event", "vital", "delivery"];

/// Whether a member is one string and nothing else.
fn ends_with_string(member: &str, name: &str) -> bool {
    let value = &member[name.len() + 4..];
    serde_json::from_str::<String>(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_differ_is_left_out() {
        let line = r#"{"id":"S.1","ts":5,"received":17,"app":"a","page":"/","browser":"B","os":"O","type":"log","data":{"received":1}}"#;
        let ours =
            r#"{"id":"S.1","ts":5,"received":R,"app":"a","page":"/","type":"log","data":{"received":1}}"#;
        assert_eq!(comparable(line), ours);
        let php = line.replace(r#""browser":"B","os":"O""#, r#""ua":"x \"y\"""#);
        assert_eq!(comparable(&php), ours);
        let delivery = r#"{"id":"S.~1","ts":17,"received":17,"app":"a","type":"delivery","data":{}}"#;
        assert!(comparable(delivery).starts_with(r#"{"id":"S.~1","ts":R,"received":R,"#));
    }
}
