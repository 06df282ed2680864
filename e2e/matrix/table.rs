//! The scenarios, and what an engine makes impossible or its driver untestable.

use std::fmt;
use std::pin::Pin;

use anyhow::Result;
use beaconry_e2e::browser::Engine;

use crate::case::Case;
use crate::scenarios::{clients, clocks, death, degraded, leave, life, offline, servers, storage, tabs};

type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Something that happens to a page, and the return of its user.
pub(crate) struct Scenario {
    /// The number, with a letter where it has several.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// The star: what is counted as dropped need not be stored.
    pub(crate) may_drop: bool,
    pub(crate) run: for<'a> fn(&'a mut Case) -> Running<'a>,
    exceptions: &'static [(Engine, Exception)],
}

/// Why a scenario is not run in an engine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exception {
    /// The browser cannot do what the promise needs.
    Impossible(&'static str),
    /// The driver cannot do what the scenario needs.
    Untestable(&'static str),
}

impl Scenario {
    /// Whether a number (all of its letters) or an id means this one.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        self.id == wanted || self.number() == wanted
    }

    /// Whether CI runs it in every engine.
    pub(crate) fn is_quick(&self) -> bool {
        matches!(self.number(), "1" | "2" | "3" | "4" | "5" | "6" | "7" | "9" | "11")
    }

    /// Whether it mostly waits: for the minute after which a tab looks for dead streams.
    pub(crate) fn is_patient(&self) -> bool {
        matches!(self.id, "9a" | "9b" | "9c" | "9d" | "12c")
    }

    pub(crate) fn exception(&self, engine: Engine) -> Option<Exception> {
        self.exceptions.iter().find(|(of, _)| *of == engine).map(|(_, exception)| *exception)
    }

    fn number(&self) -> &str {
        self.id.trim_end_matches(|c: char| c.is_ascii_lowercase())
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible(cause) => write!(f, "impossible: {cause}"),
            Self::Untestable(cause) => write!(f, "untestable: {cause}"),
        }
    }
}

macro_rules! scenario {
    ($id:literal, $name:literal, $run:path) => {
        scenario!($id, $name, $run, false, &[])
    };
    ($id:literal *, $name:literal, $run:path) => {
        scenario!($id, $name, $run, true, &[])
    };
    ($id:literal, $name:literal, $run:path, $exceptions:expr) => {
        scenario!($id, $name, $run, false, $exceptions)
    };
    ($id:literal *, $name:literal, $run:path, $exceptions:expr) => {
        scenario!($id, $name, $run, true, $exceptions)
    };
    ($id:literal, $name:literal, $run:path, $may_drop:literal, $exceptions:expr) => {
        Scenario {
            id: $id,
            name: $name,
            may_drop: $may_drop,
            run: |case| Box::pin($run(case)),
            exceptions: $exceptions,
        }
    };
}

/// It kills the browser with the renderer, before the disk has what was just written: that is scenario 6, and sooner.
const DRIVER_ENDS_WEBKIT: &[(Engine, Exception)] =
    &[(Engine::WebKit, Exception::Untestable("the driver kills the whole browser with a renderer"))];

pub(crate) const TABLE: &[Scenario] = &[
    scenario!("1", "normal", leave::normal),
    scenario!("2", "navigation right after the last `track`", leave::navigation),
    scenario!("3", "tab closed", leave::tab_closed),
    scenario!("4", "window closed, and with it the browser", leave::window_closed),
    scenario!(
        "5",
        "renderer killed right after the task of the last `track`",
        death::renderer,
        DRIVER_ENDS_WEBKIT
    ),
    scenario!("6a", "browser killed a second after the last `track`, started again", death::browser),
    scenario!("6b", "the same offline, at first also when started again", death::browser_offline),
    scenario!("7a", "offline for a session, reloaded online", offline::one_session),
    scenario!("7b", "offline for three sessions in a row", offline::three_sessions),
    scenario!("8a", "503", servers::unavailable),
    scenario!("8b", "429 with Retry-After in seconds", servers::retry_after_seconds),
    scenario!("8c", "429 with Retry-After as a date", servers::retry_after_date),
    scenario!("8d", "hangs", servers::hangs),
    scenario!("8e", "connection cut after storing, before answering", servers::cut_after_storing),
    scenario!("8f", "killed and started again in between", servers::killed),
    scenario!("8g", "key refused for a while", servers::key_refused),
    scenario!("8h", "200 with HTML", servers::html),
    scenario!("8i", "413 of a proxy", servers::too_large_for_a_proxy),
    scenario!("8j"*, "413 of the collector", servers::too_large),
    scenario!("9a", "two tabs, offline, then online", tabs::two),
    scenario!("9b", "ten tabs, offline, then online", tabs::ten),
    scenario!("9c", "ten tabs, one of them killed", tabs::one_killed, DRIVER_ENDS_WEBKIT),
    scenario!("9d", "a duplicated tab", tabs::duplicated),
    scenario!(
        "9e",
        "back from the back/forward cache, its stream adopted meanwhile",
        tabs::back_after_adoption
    ),
    scenario!("10", "5,000 events in a burst, then the tab closes", storage::burst),
    scenario!("11a", "localStorage full before the start", storage::full_before),
    scenario!("11b", "localStorage fills up midway", storage::full_midway),
    scenario!("11c"*, "localStorage blocked by the browser's settings", storage::blocked),
    scenario!("11d", "IndexedDB absent", storage::without_indexed_db),
    scenario!("12a", "clock set back an hour between `track` and delivery", clocks::hour_back),
    scenario!("12b", "clock set forward a week between `track` and delivery", clocks::week_forward),
    scenario!("12c", "a tab open for 40 days", clocks::forty_days),
    scenario!("13a", "the wasm is never found, over three visits", degraded::not_found),
    scenario!("13b", "the wasm is blocked, over three visits", degraded::blocked),
    scenario!("13c", "a policy without `wasm-unsafe-eval`, over three visits", degraded::policy),
    scenario!("13d", "the wasm comes after ten seconds", degraded::late),
    scenario!(
        "13e",
        "the renderer is killed before the wasm comes",
        degraded::killed_before,
        DRIVER_ENDS_WEBKIT
    ),
    scenario!("13f", "the wasm traps midway", degraded::traps),
    scenario!("13g", "the wasm traps after a write", degraded::traps_after_a_write),
    scenario!("13h", "the wasm traps again and again", degraded::traps_again),
    scenario!("13i", "the wasm traps again as the page goes", degraded::traps_as_it_goes),
    scenario!("14a", "hidden and shown 100 times", life::hidden),
    scenario!(
        "14b",
        "frozen and thawed",
        life::frozen,
        &[
            (Engine::Firefox, Exception::Untestable("no page is frozen but in the back/forward cache")),
            (Engine::WebKit, Exception::Untestable("no page is frozen but in the back/forward cache")),
        ]
    ),
    scenario!(
        "14c",
        "discarded",
        life::discarded,
        &[
            (
                Engine::Chromium,
                Exception::Untestable("Chromium discards no tab that its driver is attached to")
            ),
            (Engine::WebKit, Exception::Impossible("WebKitGTK discards no tabs")),
        ]
    ),
    scenario!("15a", "two clients of different keys on one origin", clients::two_keys),
    scenario!("15b"*, "switched off in one tab while another still writes", clients::switched_off),
];
