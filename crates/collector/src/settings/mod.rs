//! Where a server's configuration comes from: flags, before environment variables, before one TOML file, before defaults.
//!
//! A layer is [`given::Given`]; flags and environment are one, as clap reads them. [`Settings::resolve`] takes each value from the
//! first that gives it and notes from where, which is what `beaconry config check` shows.

pub(crate) mod check;
mod given;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::ArgMatches;
use clap::parser::ValueSource;

pub(crate) use given::{Given, GivenJournal};
use given::{GivenApp, PerSecond};

use crate::config::{App, JournalFiles, Keep, MAX_BODY_BYTES};
use crate::limits::{self, Limits, Rate};

/// The port of nothing else; loopback alone, for TLS is a proxy's.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4600);

/// Why there is no configuration, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path}: {error}. Name the file with --config")]
    File {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is no TOML, or has a key or a value that is none.
    #[error("{path}: {error}")]
    Toml {
        /// As given.
        path: PathBuf,
        /// The line, and what is wrong with it.
        error: Box<toml::de::Error>,
    },
    /// No directory is named.
    #[error("no directory for the journal: give --data DIR, BEACONRY_DATA or `data` in the file")]
    NoData,
    /// No app is named.
    #[error("no app: give --app APP and --key KEY, BEACONRY_APP and BEACONRY_KEYS, or [[app]] in the file")]
    NoApp,
    /// Only half of the flags' app is named.
    #[error(
        "--app and --key belong together, and --origin to both: give all of them, or [[app]] in the file"
    )]
    HalfAnApp,
    /// An app has no key.
    #[error("app {0} has no key: name one in its `keys`")]
    NoKey(String),
    /// Two apps have the same key, or the same name.
    #[error("two apps have {what} {value}: each has its own")]
    Twice {
        /// `the key` or `the name`.
        what: &'static str,
        /// Which.
        value: String,
    },
    /// The header's name.
    #[error("{0} is no name of a header: such as X-Forwarded-For")]
    Header(String),
}

/// A value and where it comes from, for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// As the file names it.
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) source: String,
}

/// What a server is told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) www: Option<PathBuf>,
    pub(crate) apps: Vec<App>,
    pub(crate) max_body: usize,
    pub(crate) limits: Limits,
    pub(crate) journal: JournalFiles,
    pub(crate) rows: Vec<Row>,
}

/// The file, as far as one is named.
pub(crate) fn read(path: Option<&Path>) -> Result<Given, SettingsError> {
    let Some(path) = path else { return Ok(Given::default()) };
    let text =
        fs::read_to_string(path).map_err(|error| SettingsError::File { path: path.to_owned(), error })?;
    toml::from_str(&text)
        .map_err(|error| SettingsError::Toml { path: path.to_owned(), error: Box::new(error) })
}

impl Settings {
    /// Of the flags (whose sources `matches` knows) and of the file at `path`.
    pub(crate) fn resolve(
        flags: Given,
        path: Option<&Path>,
        matches: &ArgMatches,
    ) -> Result<Settings, SettingsError> {
        let file = read(path)?;
        let mut pick = Pick::new(matches, path);
        let data = pick.one("data", flags.data, file.data, None).ok_or(SettingsError::NoData)?;
        let listen = pick.shown("listen", flags.listen, file.listen, LISTEN);
        let www = pick.one("www", flags.www, file.www, None);
        let key = Rate {
            per_second: pick.rate(
                "limits.key_per_second",
                flags.limits.key_per_second,
                file.limits.key_per_second,
                limits::KEY,
            ),
            burst: pick.shown(
                "limits.key_burst",
                flags.limits.key_burst,
                file.limits.key_burst,
                limits::KEY.burst,
            ),
        };
        let apps = pick.apps(&flags.flags_app, file.apps, key)?;
        let max_body = ByteSize::b(MAX_BODY_BYTES as u64);
        let max_body = pick.shown("limits.max_body", flags.limits.max_body, file.limits.max_body, max_body);
        let address = Rate {
            per_second: pick.rate(
                "limits.address_per_second",
                flags.limits.address_per_second,
                file.limits.address_per_second,
                limits::ADDRESS,
            ),
            burst: pick.shown(
                "limits.address_burst",
                flags.limits.address_burst,
                file.limits.address_burst,
                limits::ADDRESS.burst,
            ),
        };
        let header =
            pick.one("limits.address_header", flags.limits.address_header, file.limits.address_header, None);
        let address_header = header.map(|header| header.0);
        if let Some(header) =
            address_header.as_ref().filter(|it| it.parse::<axum::http::HeaderName>().is_err())
        {
            return Err(SettingsError::Header(header.clone()));
        }
        let journal = journal(&mut pick, &flags.journal, &file.journal);
        let max_body = usize::try_from(max_body.as_u64()).unwrap_or(usize::MAX);
        let limits = Limits { address, address_header };
        Ok(Settings { data, listen, www, apps, max_body, limits, journal, rows: pick.rows })
    }
}

/// The part that `beaconry rotate` needs too.
pub(crate) fn resolve_journal(
    data: Option<PathBuf>,
    flags: &GivenJournal,
    path: Option<&Path>,
    matches: &ArgMatches,
) -> Result<(PathBuf, JournalFiles), SettingsError> {
    let file = read(path)?;
    let files = journal(&mut Pick::new(matches, path), flags, &file.journal);
    Ok((data.or(file.data).ok_or(SettingsError::NoData)?, files))
}

fn journal(pick: &mut Pick<'_>, flags: &GivenJournal, file: &GivenJournal) -> JournalFiles {
    let default = JournalFiles::default();
    let max_file = ByteSize::b(default.max_file);
    JournalFiles {
        max_file: pick.shown("journal.max_file", flags.max_file, file.max_file, max_file).as_u64(),
        compress: pick.shown("journal.compress", flags.compress, file.compress, default.compress),
        keep: Keep {
            days: pick.one("journal.keep_days", flags.keep_days, file.keep_days, None),
            bytes: pick
                .one("journal.keep_size", flags.keep_size, file.keep_size, None)
                .map(|size| size.as_u64()),
        },
    }
}

/// Takes values from the first layer that gives them, and notes which.
struct Pick<'a> {
    matches: &'a ArgMatches,
    path: Option<&'a Path>,
    rows: Vec<Row>,
}

impl<'a> Pick<'a> {
    fn new(matches: &'a ArgMatches, path: Option<&'a Path>) -> Pick<'a> {
        Pick { matches, path, rows: Vec::new() }
    }

    /// A value that may be absent.
    fn one<T: Show>(&mut self, key: &str, flag: Option<T>, file: Option<T>, default: Option<T>) -> Option<T> {
        let id = key.rsplit('.').next().unwrap_or(key);
        let (value, source) = match (flag, file) {
            (Some(flag), _) => (Some(flag), self.flag(id)),
            (None, Some(file)) => (Some(file), self.file()),
            (None, None) => (default, "default".into()),
        };
        self.note(key, value.as_ref().map_or_else(|| "–".into(), Show::show), source);
        value
    }

    /// A value that is always there.
    fn shown<T: Show + Clone>(&mut self, key: &str, flag: Option<T>, file: Option<T>, default: T) -> T {
        self.one(key, flag, file, Some(default.clone())).unwrap_or(default)
    }

    fn rate(&mut self, key: &str, flag: Option<PerSecond>, file: Option<PerSecond>, default: Rate) -> f64 {
        self.shown(key, flag, file, PerSecond(default.per_second)).0
    }

    /// The app of the flags, or else those of the file.
    fn apps(
        &mut self,
        flags: &given::GivenFlagsApp,
        file: Vec<GivenApp>,
        rate: Rate,
    ) -> Result<Vec<App>, SettingsError> {
        let named = match (&flags.app, flags.keys.is_empty(), flags.origins.is_empty()) {
            (Some(app), false, _) => {
                let app = GivenApp {
                    name: app.clone(),
                    keys: flags.keys.clone(),
                    origins: flags.origins.clone(),
                    key_per_second: None,
                    key_burst: None,
                };
                vec![(app, self.flag("app"), self.flag("keys"), self.flag("origins"))]
            }
            (None, true, true) => {
                file.into_iter().map(|app| (app, self.file(), self.file(), self.file())).collect()
            }
            _ => return Err(SettingsError::HalfAnApp),
        };
        let (mut names, mut keys) = (Vec::new(), Vec::new());
        for (app, of_name, of_keys, of_origins) in &named {
            self.note("app.name", app.name.show(), of_name.clone());
            self.note("app.keys", join(&app.keys), of_keys.clone());
            let of_origins = if app.origins.is_empty() { "default" } else { of_origins };
            self.note("app.origins", join(&app.origins), of_origins.into());
            if let Some(rate) = app.key_per_second {
                self.note("app.key_per_second", rate.show(), self.file());
            }
            if let Some(burst) = app.key_burst {
                self.note("app.key_burst", burst.show(), self.file());
            }
            if app.keys.is_empty() {
                return Err(SettingsError::NoKey(app.name.0.clone()));
            }
            once("the name", &app.name.0, &mut names)?;
            for key in &app.keys {
                once("the key", &key.0, &mut keys)?;
            }
        }
        let apps = named.into_iter().map(|(app, ..)| App {
            name: app.name.0.into(),
            keys: app.keys.into_iter().map(|key| key.0).collect(),
            origins: app.origins.into_iter().map(|origin| origin.0).collect(),
            rate: Rate {
                per_second: app.key_per_second.map_or(rate.per_second, |rate| rate.0),
                burst: app.key_burst.unwrap_or(rate.burst),
            },
        });
        let apps: Vec<App> = apps.collect();
        if apps.is_empty() { Err(SettingsError::NoApp) } else { Ok(apps) }
    }

    /// Which flag or variable gave it.
    fn flag(&self, id: &str) -> String {
        let flag = id.strip_suffix('s').filter(|_| matches!(id, "keys" | "origins")).unwrap_or(id);
        match self.matches.value_source(id) {
            Some(ValueSource::EnvVariable) => format!("BEACONRY_{}", id.to_ascii_uppercase()),
            _ => format!("--{}", flag.replace('_', "-")),
        }
    }

    fn file(&self) -> String {
        self.path.map_or_else(String::new, |path| path.display().to_string())
    }

    fn note(&mut self, key: &str, value: String, source: String) {
        self.rows.push(Row { key: key.to_owned(), value, source });
    }
}

fn once(what: &'static str, value: &str, seen: &mut Vec<String>) -> Result<(), SettingsError> {
    if seen.iter().any(|it| it == value) {
        return Err(SettingsError::Twice { what, value: value.to_owned() });
    }
    seen.push(value.to_owned());
    Ok(())
}

fn join(values: &[impl ToString]) -> String {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    if values.is_empty() { "–".into() } else { values.join(", ") }
}

/// As people read it.
trait Show {
    fn show(&self) -> String;
}

macro_rules! show_by_display {
    ($($kind:ty),+) => {$(
        impl Show for $kind {
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

show_by_display!(SocketAddr, u32, bool, ByteSize, PerSecond, given::Word);

impl Show for PathBuf {
    fn show(&self) -> String {
        self.display().to_string()
    }
}

#[cfg(test)]
mod tests;
