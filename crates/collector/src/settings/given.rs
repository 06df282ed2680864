//! What one layer gives: the flags and their environment variables, or the file. What it does not give is absent.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use bytesize::ByteSize;
use clap::Args;
use serde::Deserialize;

/// Everything about a server. In the file, under these names.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Given {
    /// Directory of journal, index and phases; made where it is missing
    #[arg(long, value_name = "DIR", env = "BEACONRY_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:4600]
    #[arg(long, value_name = "IP:PORT", env = "BEACONRY_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// Folder to serve at /, with the journal's tail at /v1/tail: for the demo
    #[arg(long, value_name = "DIR", env = "BEACONRY_WWW")]
    pub(crate) www: Option<PathBuf>,
    #[command(flatten)]
    #[serde(skip)]
    pub(crate) flags_app: GivenFlagsApp,
    /// The apps of the file.
    #[arg(skip)]
    #[serde(rename = "app")]
    pub(crate) apps: Vec<GivenApp>,
    #[command(flatten)]
    pub(crate) limits: GivenLimits,
    #[command(flatten)]
    pub(crate) journal: GivenJournal,
}

/// The one app that flags and environment can name. It takes the place of all apps of the file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GivenFlagsApp {
    /// App that --key stands for, written into each line; several apps stand in the file, as [[app]]
    #[arg(long, value_name = "APP", env = "BEACONRY_APP")]
    pub(crate) app: Option<Word>,
    /// Key that clients must name; repeat it while an old key is being replaced
    #[arg(long = "key", value_name = "KEY", env = "BEACONRY_KEYS", value_delimiter = ',')]
    pub(crate) keys: Vec<Word>,
    /// Origin whose pages may send, such as https://shop.example.com; repeatable
    #[arg(long = "origin", value_name = "ORIGIN", env = "BEACONRY_ORIGINS", value_delimiter = ',')]
    pub(crate) origins: Vec<Origin>,
}

/// `[[app]]` of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenApp {
    pub(crate) name: Word,
    pub(crate) keys: Vec<Word>,
    #[serde(default)]
    pub(crate) origins: Vec<Origin>,
    /// In the place of `limits.key_per_second`.
    pub(crate) key_per_second: Option<PerSecond>,
    /// In the place of `limits.key_burst`.
    pub(crate) key_burst: Option<u32>,
}

/// `[limits]` of the file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenLimits {
    /// Largest request body taken [default: 1 MiB]
    #[arg(long, value_name = "SIZE", env = "BEACONRY_MAX_BODY")]
    pub(crate) max_body: Option<ByteSize>,
    /// Requests a second under one key, in the long run; 0: no limit [default: 2000]
    #[arg(long, value_name = "N", env = "BEACONRY_KEY_PER_SECOND")]
    pub(crate) key_per_second: Option<PerSecond>,
    /// Requests under one key at once [default: 10000]
    #[arg(long, value_name = "N", env = "BEACONRY_KEY_BURST")]
    pub(crate) key_burst: Option<u32>,
    /// Requests a second from one address, in the long run; 0: no limit [default: 100]
    #[arg(long, value_name = "N", env = "BEACONRY_ADDRESS_PER_SECOND")]
    pub(crate) address_per_second: Option<PerSecond>,
    /// Requests from one address at once [default: 1000]
    #[arg(long, value_name = "N", env = "BEACONRY_ADDRESS_BURST")]
    pub(crate) address_burst: Option<u32>,
    /// Header whose last value is the client's address, such as X-Forwarded-For: only behind a proxy that sets it
    #[arg(long, value_name = "NAME", env = "BEACONRY_ADDRESS_HEADER")]
    pub(crate) address_header: Option<Word>,
}

/// `[journal]` of the file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenJournal {
    /// Size at which a journal file is closed; each is with its UTC day [default: 256 MiB]
    #[arg(long, value_name = "SIZE", env = "BEACONRY_MAX_FILE")]
    pub(crate) max_file: Option<ByteSize>,
    /// Pack closed files with zstd, once every consumer in DIR/consumers has passed them [default: false]
    #[arg(long, value_name = "BOOL", env = "BEACONRY_COMPRESS", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) compress: Option<bool>,
    /// Delete closed files whose day is over for more than so many days [default: keep all]
    #[arg(long, value_name = "DAYS", env = "BEACONRY_KEEP_DAYS")]
    pub(crate) keep_days: Option<u32>,
    /// Delete the oldest closed files while the journal has more than so many bytes on disk [default: keep all]
    #[arg(long, value_name = "SIZE", env = "BEACONRY_KEEP_SIZE")]
    pub(crate) keep_size: Option<ByteSize>,
}

/// A text that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Word(pub(crate) String);

/// Scheme and authority, as browsers send it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Origin(pub(crate) String);

/// Requests a second: a number that is not negative; less than one is one in a while.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct PerSecond(pub(crate) f64);

impl FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Word, &'static str> {
        if text.trim().is_empty() { Err("it is empty") } else { Ok(Word(text.to_owned())) }
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Origin, &'static str> {
        let text = text.trim_end_matches('/');
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match authority {
            Some(authority) if !authority.is_empty() && !authority.contains(['/', '?', '#', '*']) => {
                Ok(Origin(text.to_ascii_lowercase()))
            }
            _ => Err(
                "an origin is a scheme and a host, such as https://shop.example.com or http://127.0.0.1:8080",
            ),
        }
    }
}

impl TryFrom<f64> for PerSecond {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<PerSecond, &'static str> {
        if number.is_finite() && number >= 0.0 {
            Ok(PerSecond(number))
        } else {
            Err("requests a second are a number from 0 on")
        }
    }
}

impl FromStr for PerSecond {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<PerSecond, &'static str> {
        text.parse::<f64>().map_err(|_| "it is no number").and_then(PerSecond::try_from)
    }
}

impl TryFrom<String> for Word {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Word, &'static str> {
        text.parse()
    }
}

impl TryFrom<String> for Origin {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Origin, &'static str> {
        text.parse()
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_and_host() {
        let origin = |text: &str| text.parse::<Origin>();
        assert_eq!(origin("https://Shop.example.com/").unwrap().0, "https://shop.example.com");
        for bad in ["shop.example.com", "https://", "https://a/b", "*", "https://*.a"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rate_is_a_number_from_0_on() {
        assert_eq!("0.5".parse::<PerSecond>().unwrap().0, 0.5);
        for bad in ["-1", "NaN", "inf", "many"] {
            assert!(bad.parse::<PerSecond>().is_err(), "{bad}");
        }
    }
}
