//! `beaconry config check`: what a server would be told, where each value comes from, and what stands in its way.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Settings;

/// What would keep a server from starting, each with what to do.
pub(crate) fn problems(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    let data = &settings.data;
    if let Err(error) = writable(data) {
        problems.push(format!(
            "{}: {error}. Make it writable for the user that the server runs as, or name another with --data",
            data.display()
        ));
    }
    let is_inside = |www: &PathBuf| matches!((fs::canonicalize(data), fs::canonicalize(www)), (Ok(data), Ok(www)) if data.starts_with(&www));
    if let Some(www) = settings.www.as_ref().filter(|www| is_inside(www)) {
        problems.push(format!(
            "{} lies in {}, which is shown to everyone: name another directory with --data",
            data.display(),
            www.display()
        ));
    }
    if let Some(www) = settings.www.as_ref().filter(|www| !www.is_dir()) {
        problems
            .push(format!("{} is no directory: name the folder of the demo page with --www", www.display()));
    }
    problems
}

/// What is allowed, and seldom meant.
pub(crate) fn notes<'a>(
    settings: &Settings,
    variables: &[String],
    known: impl Fn(&str) -> bool + 'a,
) -> Vec<String> {
    let no_origin = settings
        .apps
        .iter()
        .filter(|app| app.origins.is_empty())
        .map(|app| format!("app {} has no origins: no page of another origin may send", app.name));
    let unknown = variables.iter().filter(|name| name.starts_with("BEACONRY_") && !known(name));
    let unknown = unknown.map(|name| format!("{name} is set, and is no variable of this command"));
    let mut notes: Vec<String> = no_origin.chain(unknown).collect();
    if settings.journal.keep == crate::config::Keep::default() {
        notes.push("no journal file is ever deleted: see journal.keep_days and journal.keep_size".into());
    }
    notes
}

/// Key, value and source, in columns.
pub(crate) fn table(settings: &Settings) -> String {
    let width = |of: fn(&super::Row) -> &str| settings.rows.iter().map(|row| of(row).chars().count()).max();
    let (key, value) = (width(|row| &row.key).unwrap_or(0), width(|row| &row.value).unwrap_or(0));
    let mut text = String::new();
    for row in &settings.rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:<key$}  {:<value$}  {}", row.key, row.value, row.source);
    }
    text
}

/// Whether files can be made there; a directory that is missing is made by the server, in the one above.
fn writable(dir: &Path) -> io::Result<()> {
    let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let probe = there.join(format!(".beaconry-check-{}", std::process::id()));
    fs::File::create(&probe)?;
    fs::remove_file(probe)
}
