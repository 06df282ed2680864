//! Requests to servers on this machine.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

/// An answer's status and body.
pub fn get(url: &str, query: &[(&str, &str)]) -> Result<(u16, String)> {
    let mut request = agent().get(url);
    for (name, value) in query {
        request = request.query(*name, *value);
    }
    let mut response = request.call()?;
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}

/// The JSON of a 200.
pub fn json(url: &str, query: &[(&str, &str)]) -> Result<Value> {
    match get(url, query)? {
        (200, body) => Ok(serde_json::from_str(&body)?),
        (status, body) => bail!("{url} {query:?} answers {status}: {body}"),
    }
}

/// An answer's status and body.
pub fn post(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(u16, String)> {
    let mut request = agent().post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(body)?;
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}

/// As long as the tests wait for anything: a Loki among other steps may take half a minute for its first answer.
const LIMIT: Duration = Duration::from_secs(120);

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder();
    config.http_status_as_error(false).timeout_global(Some(LIMIT)).build().new_agent()
}
