//! A step of the tests: what it needs, and what it works with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::demo;
use crate::lanes::Plan;
use crate::native::Programs;
use crate::repo::Repo;
use crate::setup::{Tool, Tools};
use crate::shell::Cmd;

/// No step takes nearly as long, not even on a slow machine that has to build everything; one that does hangs.
const LIMIT: Duration = Duration::from_secs(1800);

pub(crate) struct Step {
    pub(crate) plan: Plan,
    pub(crate) tools: &'static [Tool],
    pub(crate) packages: &'static [&'static str],
    pub(crate) run: fn(&Context) -> Result<()>,
}

/// By default a step computes, and comes after no other.
impl Step {
    pub(crate) const fn new(
        name: &'static str,
        what: &'static str,
        tools: &'static [Tool],
        run: fn(&Context) -> Result<()>,
    ) -> Self {
        Self { plan: Plan { name, what, after: &[], waits: false }, tools, packages: &[], run }
    }

    /// These have to have passed, where they are chosen too.
    pub(crate) const fn after(mut self, steps: &'static [&'static str]) -> Self {
        self.plan.after = steps;
        self
    }

    /// It mostly waits: it runs beside those that compute.
    pub(crate) const fn waits(mut self) -> Self {
        self.plan.waits = true;
        self
    }

    /// Packages of the workspace that it tests or runs on this machine.
    pub(crate) const fn of(mut self, packages: &'static [&'static str]) -> Self {
        self.packages = packages;
        self
    }
}

/// What a step works with.
pub(crate) struct Context<'a> {
    pub(crate) repo: &'a Repo,
    /// They write into the step's lane.
    pub(crate) tools: Tools,
    pub(crate) made: &'a Made,
}

/// What several steps need, and the first that comes makes: of this checkout, so that no step tests an older one.
#[derive(Default)]
pub(crate) struct Made {
    /// Packages of the workspace that the chosen steps test or run.
    pub(crate) packages: Vec<&'static str>,
    pub(crate) programs: Once<Programs>,
    pub(crate) package: Once<()>,
    pub(crate) examples: Once<()>,
    pub(crate) image: Once<PathBuf>,
    pub(crate) www: Once<PathBuf>,
}

impl Context<'_> {
    /// A command in the checkout that finds the tools.
    pub(crate) fn cmd(&self, program: &str) -> Cmd {
        self.tools.cmd(program).dir(&self.repo.root).limit(LIMIT)
    }

    /// A command that builds for the browser.
    pub(crate) fn wasm_cmd(&self, program: &str) -> Cmd {
        self.tools.wasm_cmd(program).dir(&self.repo.root).limit(LIMIT)
    }

    /// The programs of the chosen steps' packages, built.
    pub(crate) fn programs(&self) -> Result<Arc<Programs>> {
        let build =
            || Programs::build(&self.repo.root, self.made.packages.clone(), &|program| self.cmd(program));
        self.made.programs.get(build)
    }

    /// The collector's program, built.
    pub(crate) fn collector(&self) -> Result<PathBuf> {
        self.programs()?;
        Ok(demo::collector(self.repo))
    }
}

/// What is made once, by whoever needs it first; others that need it wait for that.
pub(crate) struct Once<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Once<T> {
    /// What was made; it is made now if there is none.
    pub(crate) fn get(&self, make: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        // Where making it panicked, there is none still.
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(made) => Ok(Arc::clone(made)),
            None => Ok(Arc::clone(made.insert(Arc::new(make()?)))),
        }
    }
}
