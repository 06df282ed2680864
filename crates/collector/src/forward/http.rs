//! One POST to a target, and what its answer means.

use std::time::{Duration, SystemTime};

use axum::http::Uri;

/// Long enough for a target that stores a megabyte on a busy disk; shorter than a supervisor's patience after SIGTERM.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A Retry-After beyond this is taken as this: a target's clock may be wrong.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// What is read of an answer; a reason is short.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;

/// The media type of all that is sent, and of OTLP's answers.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// A target's address with what every request carries.
#[derive(Debug)]
pub(crate) struct Endpoint {
    agent: ureq::Agent,
    url: String,
    headers: Vec<(String, String)>,
}

/// The address or a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// No http or https address.
    #[error("{0} is no address: name one such as http://127.0.0.1:3100")]
    Url(String),
    /// The list of processes and the log would show the password.
    #[error(
        "the address names a user or a password, which others would see: put `Authorization: Basic …` into a --header-file"
    )]
    Secret,
    /// A header without a colon, or with bytes that no header has.
    #[error("a header is `Name: value`; this one is not: {0}")]
    Header(String),
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// The media type, without its parameters.
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

impl Endpoint {
    /// `path` is added to an address that does not end with it.
    pub(crate) fn new(url: &str, path: &str, headers: &[String]) -> Result<Endpoint, BadEndpoint> {
        let uri: Uri = url.parse().map_err(|_| BadEndpoint::Url(url.to_owned()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(BadEndpoint::Url(url.to_owned()));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(BadEndpoint::Secret);
        }
        let base = url.trim_end_matches('/');
        let url = if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") };
        let headers = headers.iter().map(|text| header(text)).collect::<Result<_, _>>()?;
        Ok(Endpoint { agent: agent(), url, headers })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends protobuf and waits for the whole answer. The error says why there is none.
    pub(crate) fn post(&self, body: &[u8], encoding: Option<&str>) -> Result<Answer, String> {
        let mut request = self.agent.post(&self.url).header("content-type", PROTOBUF);
        let encoding = encoding.map(|encoding| ("content-encoding", encoding));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in headers.chain(encoding) {
            request = request.header(name, value);
        }
        let mut response = request.send(body).map_err(|error| error.to_string())?;
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| retry_after_of(value, SystemTime::now()));
        let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let kind =
            kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        Ok(Answer { status, retry_after, kind, body: body.map_err(|error| error.to_string())? })
    }
}

impl Answer {
    /// The body's first words, for people.
    pub(crate) fn reason(&self) -> String {
        const MAX_CHARS: usize = 500;
        let text: String = String::from_utf8_lossy(&self.body).trim().chars().take(MAX_CHARS).collect();
        if text.is_empty() { format!("status {}", self.status) } else { text }
    }
}

/// Trusts the certificates that the machine trusts, so that a company's own authority works.
fn agent() -> ureq::Agent {
    use ureq::tls::{RootCerts, TlsConfig};
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    // A redirect would turn the POST into a GET: it is an answer like any other, and tells of a wrong address.
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(TIMEOUT))
        .user_agent(concat!("beaconry/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build()
        .new_agent()
}

fn header(text: &str) -> Result<(String, String), BadEndpoint> {
    use axum::http::{HeaderName, HeaderValue};
    let bad = || BadEndpoint::Header(text.to_owned());
    let (name, value) = text.split_once(':').ok_or_else(bad)?;
    let (name, value) = (name.trim(), value.trim());
    HeaderName::try_from(name).map_err(|_| bad())?;
    HeaderValue::try_from(value).map_err(|_| bad())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Seconds or a date (RFC 9110, 10.2.3).
fn retry_after_of(value: &str, now: SystemTime) -> Option<Duration> {
    let seconds = value.trim().parse().ok().map(Duration::from_secs);
    let date = || httpdate::parse_http_date(value.trim()).ok();
    let until = || date().map(|date| date.duration_since(now).unwrap_or_default());
    seconds.or_else(until).map(|after| after.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_once() {
        let url = |url: &str| Endpoint::new(url, "/v1/logs", &[]).map(|endpoint| endpoint.url().to_owned());
        assert_eq!(url("http://a:1").unwrap(), "http://a:1/v1/logs");
        assert_eq!(url("http://a:1/otlp/").unwrap(), "http://a:1/otlp/v1/logs");
        assert_eq!(url("https://a/v1/logs").unwrap(), "https://a/v1/logs");
        for bad in ["a:1", "ftp://a", "http://", ""] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert_eq!(url("https://user:secret@a"), Err(BadEndpoint::Secret));
    }

    #[test]
    fn a_header_has_a_name_and_a_value() {
        assert_eq!(header("X-Scope-OrgID: team").unwrap(), ("X-Scope-OrgID".into(), "team".into()));
        for bad in ["X", ": v", "a b: v"] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let seconds = |value: &str| retry_after_of(value, now).map(|after| after.as_secs());
        assert_eq!(seconds("7"), Some(7));
        assert_eq!(seconds(&httpdate::fmt_http_date(now + Duration::from_secs(9))), Some(9));
        assert_eq!(seconds(&httpdate::fmt_http_date(now - Duration::from_secs(9))), Some(0));
        assert_eq!(seconds("99999999"), Some(3_600));
        assert_eq!(seconds("soon"), None);
    }
}
