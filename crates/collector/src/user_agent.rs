//! Browser, system and device of a User-Agent header, by the rules of uap-core.
//!
//! Rules are regular expressions by the hundred: compiled once (0.2 s, 28 MB), and what a header says is remembered.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ua_parser::{Extractor, Regexes};

const RULES: &str = include_str!("../data/user-agents.json");

/// Headers remembered. A busy site sees some thousand kinds in a day, most requests come from a few hundred; at under
/// 1 KB each this is 2 MB. When it is full it starts anew: simpler than an order of use, and refilled at 0.1 ms each.
const REMEMBERED: usize = 2_048;

/// Longer headers are read up to here. Real ones stay under 512 bytes.
const MAX_HEADER_BYTES: usize = 1_024;

/// What the journal says of a User-Agent; what it does not tell is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Agent {
    /// Name and major version: `Chrome 156`.
    pub(crate) browser: Option<String>,
    /// Name and major version: `Windows 10`.
    pub(crate) os: Option<String>,
    /// The device's name, where the browser tells one: `iPhone`, `Samsung SM-S911B`.
    pub(crate) device: Option<String>,
}

/// Parses, and remembers what it has parsed.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    known: Mutex<HashMap<String, Arc<Agent>>>,
}

impl Agents {
    /// Compiles the rules ahead of the first request, beside everything else.
    pub(crate) fn warm_up() {
        std::thread::spawn(|| LazyLock::force(&EXTRACTOR).is_some());
    }

    /// What this header says.
    pub(crate) fn look_up(&self, header: &str) -> Arc<Agent> {
        let header = truncate(header, MAX_HEADER_BYTES);
        if let Some(agent) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(header) {
            return agent.clone();
        }
        let agent = Arc::new(parse(header));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(header.to_owned(), agent.clone());
        agent
    }
}

/// `None` only if the embedded rules do not compile, which a test rules out.
static EXTRACTOR: LazyLock<Option<Extractor<'static>>> = LazyLock::new(|| {
    let rules: Regexes<'static> =
        serde_json::from_str(RULES).inspect_err(|error| tracing::error!(%error, "user agent rules")).ok()?;
    Extractor::try_from(rules).inspect_err(|error| tracing::error!(%error, "user agent rules")).ok()
});

/// As [`Agents::look_up`], for who asks once.
pub(crate) fn parse(header: &str) -> Agent {
    let header = truncate(header, MAX_HEADER_BYTES);
    let Some(extractor) = LazyLock::force(&EXTRACTOR) else { return Agent::default() };
    let (browser, os, device) = extractor.extract(header);
    Agent {
        browser: browser.map(|browser| named(&browser.family, browser.major)),
        os: os.map(|os| named(&os.os, os.major.as_deref())),
        // Chrome on Android says "K" for every device since it reduced its User-Agent: nothing is known.
        device: device.map(|device| device.device.into_owned()).filter(|device| device != "K"),
    }
}

fn named(name: &str, major: Option<&str>) -> String {
    match major {
        Some(major) => format!("{name} {major}"),
        None => name.to_owned(),
    }
}

fn truncate(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(header: &str) -> (Option<String>, Option<String>, Option<String>) {
        let agent = Agents::default().look_up(header);
        (agent.browser.clone(), agent.os.clone(), agent.device.clone())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn todays_browsers_are_known() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0";
        assert_eq!(agent(edge), (some("Edge 156"), some("Windows 10"), None));
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1";
        assert_eq!(agent(iphone), (some("Mobile Safari 17"), some("iOS 17"), some("iPhone")));
        let reduced = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36";
        assert_eq!(agent(reduced), (some("Chrome Mobile 156"), some("Android 10"), None));
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
        assert_eq!(agent(firefox), (some("Firefox 153"), some("Linux"), None));
    }

    #[test]
    fn what_is_no_browser_is_left_out() {
        assert_eq!(agent(""), (None, None, None));
        assert_eq!(agent("\u{1F980}".repeat(2_000).as_str()), (None, None, None));
    }

    #[test]
    fn a_flood_of_kinds_keeps_the_memory_bounded() {
        let agents = Agents::default();
        for n in 0..REMEMBERED + 10 {
            agents.look_up(&format!("x{n}"));
        }
        assert!(agents.known.lock().unwrap().len() <= REMEMBERED);
    }
}
