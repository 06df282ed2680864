//! What the collector has on its disk, read from the files themselves.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::wait;

/// The journal's files in a folder.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
}

/// One event as it was stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// `<stream>.<number>`.
    pub id: String,
    /// The whole line.
    pub line: Value,
}

impl Stored {
    /// The id's stream.
    pub fn stream(&self) -> &str {
        self.id.split_once('.').map_or("", |(stream, _)| stream)
    }

    /// The id's number.
    pub fn number(&self) -> u32 {
        self.id.split_once('.').and_then(|(_, number)| number.parse().ok()).unwrap_or(u32::MAX)
    }

    /// What the app gave.
    pub fn data(&self) -> &Value {
        &self.line["data"]
    }

    /// The name by which a test knows its event: `data.mark`.
    pub fn mark(&self) -> Option<&str> {
        self.data()["mark"].as_str()
    }
}

impl Journal {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Every stored event, in the order of the files.
    ///
    /// # Errors
    /// When a whole line is no JSON or has no id, or an id is there twice: then the journal is broken.
    pub fn events(&self) -> Result<Vec<Stored>> {
        let mut ids = HashSet::new();
        let events = self.events_as_they_are()?;
        for event in &events {
            ensure!(ids.insert(&event.id), "{} is stored twice", event.id);
        }
        Ok(events)
    }

    /// Every stored event, in the order of the files, also those that are there twice.
    ///
    /// # Errors
    /// When a whole line is no JSON or has no id.
    pub fn events_as_they_are(&self) -> Result<Vec<Stored>> {
        let mut events = Vec::new();
        for line in self.lines()? {
            let id = line["id"].as_str().with_context(|| format!("a line without id: {line}"))?.to_owned();
            if line["type"] != "delivery" {
                events.push(Stored { id, line });
            }
        }
        Ok(events)
    }

    /// The last stream line of each stream that has told one, by stream.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn books(&self) -> Result<BTreeMap<String, Value>> {
        let lines = self.lines()?.into_iter().filter(|line| line["type"] == "delivery");
        let stream = |line: &Value| Some(line["id"].as_str()?.split_once('.')?.0.to_owned());
        Ok(lines.filter_map(|line| Some((stream(&line)?, line["data"].clone()))).collect())
    }

    /// Waits for an event of a type whose data is as meant, and returns it.
    ///
    /// # Errors
    /// When none comes; then what of this type is there instead.
    pub async fn event(&self, kind: &str, is_meant: impl Fn(&Value) -> bool) -> Result<Stored> {
        let found = wait::until("the event is in the journal", || async {
            let events = self.events()?;
            Ok(events.into_iter().find(|event| event.line["type"] == kind && is_meant(event.data())))
        });
        found.await.with_context(|| {
            let events = self.events().unwrap_or_default().into_iter();
            let others: Vec<String> = events
                .filter(|event| event.line["type"] == kind)
                .map(|event| event.data().to_string())
                .collect();
            format!("no {kind} as it is meant, but {others:#?}")
        })
    }

    /// The last line of type `delivery` of a stream, if there is one: its books.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn delivery(&self, stream: &str) -> Result<Option<Value>> {
        let is_ours = |line: &Value| {
            line["type"] == "delivery" && line["id"].as_str().is_some_and(|id| id.starts_with(stream))
        };
        Ok(self.lines()?.into_iter().rfind(is_ours))
    }

    /// Whole lines only: the collector may be writing the last one.
    fn lines(&self) -> Result<Vec<Value>> {
        let mut lines = Vec::new();
        for file in self.files()? {
            let text = fs::read_to_string(&file).with_context(|| format!("{} is no text", file.display()))?;
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            for line in whole.lines() {
                let value = serde_json::from_str(&show_lone_surrogates(line));
                lines.push(value.with_context(|| format!("{}: no JSON: {line}", file.display()))?);
            }
        }
        Ok(lines)
    }

    /// `events-YYYY-MM-DD….jsonl`, the oldest first.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("events-") && name.ends_with(".jsonl") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Escapes lone surrogates' escapes once more. They are JSON (RFC 8259, 8.2), but no Rust string can hold them: a test
/// sees `\ud800` as six characters.
fn show_lone_surrogates(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find('\\') {
        shown.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
            (Some(0xd800..0xdc00), Some(0xdc00..)) => 12,
            (Some(_), _) => {
                shown.push('\\');
                6
            }
            (None, _) => 2,
        };
        let (escape, after) = rest.split_at(length.min(rest.len()));
        shown.push_str(escape);
        rest = after;
    }
    shown + rest
}

/// The surrogate whose escape the text begins with.
fn surrogate(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|unit| (0xd800..0xe000).contains(unit))
}

#[cfg(test)]
mod tests {
    use super::show_lone_surrogates;

    #[test]
    fn only_lone_surrogates_are_escaped_again() {
        for (line, shown) in [
            (r#""a\ud800b""#, r#""a\\ud800b""#),
            (r#""\udc00\ud800\udc00\ud800""#, r#""\\udc00\ud800\udc00\\ud800""#),
            (r#""\ud800\ud83d\ude00""#, r#""\\ud800\ud83d\ude00""#),
            (r#""\\ud800 \u00e9 \" é""#, r#""\\ud800 \u00e9 \" é""#),
        ] {
            assert_eq!(show_lone_surrogates(line), shown);
            serde_json::from_str::<String>(shown).unwrap();
        }
    }
}
