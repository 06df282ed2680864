//! Where to, as the command line says it: kind, address, headers, and the name under which the place is kept.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::forward::http::BadEndpoint;
use crate::forward::loki::Loki;
use crate::forward::otlp::Otlp;
use crate::forward::push::Target;

/// More headers, one a line: for containers, where a secret comes as a variable.
const HEADERS_VARIABLE: &str = "BEACONRY_HEADERS";
/// A file's name takes 255 bytes; this leaves room for what is added.
const MAX_NAME: usize = 120;

/// The flags that name a target.
#[derive(Debug, Args)]
pub(crate) struct To {
    /// Where to: `loki URL` or `otlp URL`, such as loki http://127.0.0.1:3100
    #[arg(long, num_args = 2, value_names = ["KIND", "URL"], required = true)]
    to: Vec<String>,
    /// Header of every request, such as 'X-Scope-OrgID: team'; repeatable. Others on this machine can see it
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// File of headers, one a line, for what others must not see; the variable BEACONRY_HEADERS has the same form
    #[arg(long, value_name = "FILE")]
    header_file: Option<PathBuf>,
    /// Name under which the place reached is kept; another one begins anew [default: kind and address]
    #[arg(long, value_name = "NAME", value_parser = plain)]
    name: Option<String>,
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTarget {
    /// The kind of target is none.
    #[error("{0} is no target: name one with --to loki URL or --to otlp URL")]
    Kind(String),
    /// The address or a header.
    #[error(transparent)]
    Endpoint(#[from] BadEndpoint),
    /// The file of headers.
    #[error("{path}: {error}. Name a file of `Name: value` lines with --header-file")]
    HeaderFile {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl To {
    pub(crate) fn target(&self) -> Result<Box<dyn Target>, BadTarget> {
        let headers = self.headers()?;
        match self.to.as_slice() {
            [kind, url] if kind == "loki" => Ok(Box::new(Loki::new(url, &headers)?)),
            [kind, url] if kind == "otlp" => Ok(Box::new(Otlp::new(url, &headers)?)),
            other => Err(BadTarget::Kind(other.first().cloned().unwrap_or_default())),
        }
    }

    /// Two targets have two names, also where nobody named them.
    pub(crate) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| derived(&self.to))
    }

    fn headers(&self) -> Result<Vec<String>, BadTarget> {
        let mut headers = self.headers.clone();
        if let Some(path) = &self.header_file {
            let text = fs::read_to_string(path);
            let text = text.map_err(|error| BadTarget::HeaderFile { path: path.clone(), error })?;
            headers.extend(lines(&text));
        }
        headers.extend(lines(&env::var(HEADERS_VARIABLE).unwrap_or_default()));
        Ok(headers)
    }
}

fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}

/// Kind, host, port and path, as `loki-127-0-0-1-3100`.
fn derived(to: &[String]) -> String {
    let (kind, url) = (to.first(), to.last().map(String::as_str).unwrap_or_default());
    let address = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    let plain = |char: char| if is_plain(char) { char } else { '-' };
    let name = format!("{}-{address}", kind.map(String::as_str).unwrap_or_default());
    name.chars().map(plain).take(MAX_NAME).collect()
}

/// It becomes the name of files.
fn plain(text: &str) -> Result<String, &'static str> {
    if !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, - and _ alone, 120 at most")
    }
}

fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '-' || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(kind: &str, url: &str) -> To {
        To { to: vec![kind.into(), url.into()], headers: Vec::new(), header_file: None, name: None }
    }

    #[test]
    fn each_target_has_a_name_of_its_own() {
        assert_eq!(to("loki", "http://127.0.0.1:3100/").name(), "loki-127-0-0-1-3100");
        assert_eq!(to("otlp", "https://loki.example.com/otlp").name(), "otlp-loki-example-com-otlp");
        assert!(plain(&to("otlp", "http://[::1]:4318").name()).is_ok());
        assert!(plain("../x").is_err() && plain("").is_err());
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "Authorization: Bearer s3cret\n\n X-Scope-OrgID: team \n").unwrap();
        let mut to = to("loki", "http://127.0.0.1:3100");
        to.header_file = Some(file.path().to_owned());
        assert_eq!(to.headers().unwrap(), ["Authorization: Bearer s3cret", "X-Scope-OrgID: team"]);
        to.header_file = Some("/nowhere/headers".into());
        assert!(to.headers().unwrap_err().to_string().contains("--header-file"));
    }

    #[test]
    fn what_is_no_target_is_told() {
        assert!(to("kafka", "http://a").target().err().unwrap().to_string().contains("--to otlp URL"));
        assert!(to("loki", "a:1").target().is_err());
    }
}
