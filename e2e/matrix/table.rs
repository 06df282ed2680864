//! The scenarios, and what an engine makes impossible or its driver untestable.

use std::fmt;
use std::pin::Pin;

use anyhow::Result;
use beaconry_e2e::browser::Engine;

use crate::case::Case;
use crate::scenarios::leave;

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

pub(crate) const TABLE: &[Scenario] = &[
    scenario!("1", "normal", leave::normal),
    scenario!("2", "navigation right after the last `track`", leave::navigation),
    scenario!("3", "tab closed", leave::tab_closed),
    scenario!("4", "window closed, and with it the browser", leave::window_closed),
];
