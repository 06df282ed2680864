//! Loads a page with a subject, and reads its figures.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use beaconry_e2e::browser::Browser;
use beaconry_e2e::collector::{APP, KEY};
use serde_json::{Value, json};
use thirtyfour::cdp::Cdp;

use crate::site::Site;

/// Events whose main-thread time is measured as a whole: the flush at their end is a small part of it.
const EVENTS: u32 = 5_000;
/// Events before them, which make the code hot.
const WARM_UP: u32 = 1_000;
/// Rounds in which each subject has its turn, each in a page of its own: its code is compiled and its memory collected at other moments
/// than the next one's.
const ROUNDS: usize = 31;
/// Pages in which calls are measured, for the same reason.
const PAGES: usize = 21;
/// Below the two minutes that the driver's client waits for an answer.
const SCRIPT_LIMIT: Duration = Duration::from_secs(110);
/// Nothing listens here (discard, RFC 863), and connecting fails at once.
const UNREACHABLE: &str = "http://127.0.0.1:9/v1/events";
/// Events that a client holds in the figures of [`Bench::holders`].
pub(crate) const HELD: [u32; 3] = [10, 1_000, 100_000];

/// A figure of a subject, in µs a call, and its yardstick's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) subject: f64,
    pub(crate) yardstick: f64,
    /// The median of what single blocks say, so not exactly the quotient of the two.
    pub(crate) ratio: f64,
}

/// One `track`.
#[derive(Debug)]
pub(crate) struct Calls {
    /// In a burst, beside `JSON.stringify` of the event.
    pub(crate) burst: Figure,
    /// What of that is the storage's own: bare `setItem`s of as many bytes in values as large, after as much other work.
    pub(crate) storage: Figure,
    /// Alone in its task, beside a bare `setItem` of 1 KB.
    pub(crate) lone: Figure,
}

/// All time of the main thread, in µs an event, less the harness.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) beside_otel: Figure,
    pub(crate) beside_rewrite: Figure,
}

/// Who listens to the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Nothing,
    Beaconry,
    Otel,
    Rewrite,
}

impl Subject {
    const ALL: [Self; 4] = [Self::Nothing, Self::Beaconry, Self::Otel, Self::Rewrite];

    fn module(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Beaconry => "beaconry",
            Self::Otel => "otel",
            Self::Rewrite => "rewrite",
        }
    }
}

/// A browser on the site, beside a collector.
pub(crate) struct Bench<'a> {
    browser: &'a Browser,
    site: &'a Site,
    collector: String,
    cdp: Cdp,
}

impl<'a> Bench<'a> {
    pub(crate) async fn new(browser: &'a Browser, site: &'a Site, collector: SocketAddr) -> Result<Self> {
        browser.session().set_script_timeout(SCRIPT_LIMIT).await?;
        let cdp = Cdp::new(browser.session().clone());
        // The time that the thread computes: what others do on the machine meanwhile does not count.
        cdp.send_raw("Performance.enable", json!({ "timeDomain": "threadTicks" })).await?;
        Ok(Self { browser, site, collector: format!("http://{collector}/v1/events"), cdp })
    }

    /// The browser's name and version.
    pub(crate) async fn version(&self) -> Result<String> {
        let version = self.cdp.send_raw("Browser.getVersion", json!({})).await?;
        Ok(version["product"].as_str().context("the browser has no version")?.to_owned())
    }

    /// One `track` in a burst, and alone.
    pub(crate) async fn calls(&self) -> Result<Calls> {
        let (mut burst, mut storage, mut lone) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAGES {
            self.load(Subject::Beaconry).await?;
            burst.push(figure(&self.browser.run("return bench.burst()", &[]).await?)?);
            storage.push(figure(&self.browser.run("return bench.storage()", &[]).await?)?);
            lone.push(figure(&self.browser.run("return bench.lone()", &[]).await?)?);
        }
        Ok(Calls { burst: median(&burst), storage: median(&storage), lone: median(&lone) })
    }

    /// One `track` in a burst, of clients that hold [`HELD`] events.
    pub(crate) async fn holders(&self) -> Result<Vec<Figure>> {
        self.goto().await?;
        let client = json!({
            "collector": UNREACHABLE, "key": KEY, "app": APP, "persist": false,
            "limits": { "memoryBytes": 256 << 20 },
        });
        let figures = self.browser.run("return bench.held(...arguments)", &[client, json!(HELD)]).await?;
        figures.as_array().context("no figures")?.iter().map(figure).collect()
    }

    /// All time of the main thread, of every subject in turn.
    pub(crate) async fn totals(&self) -> Result<Totals> {
        let (mut beside_otel, mut beside_rewrite) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let mut micros = Vec::new();
            for subject in Subject::ALL {
                micros.push(self.total(subject).await.with_context(|| format!("{subject:?}"))?);
            }
            let [nothing, beaconry, otel, rewrite] = micros[..] else { continue };
            let beside = |peer: f64| Figure {
                subject: beaconry - nothing,
                yardstick: peer - nothing,
                ratio: (beaconry - nothing) / (peer - nothing),
            };
            beside_otel.push(beside(otel));
            beside_rewrite.push(beside(rewrite));
        }
        Ok(Totals { beside_otel: median(&beside_otel), beside_rewrite: median(&beside_rewrite) })
    }

    /// µs an event of the main thread.
    async fn total(&self, subject: Subject) -> Result<f64> {
        self.load(subject).await?;
        let total = "return bench.total(...arguments)";
        self.browser.run(total, &[WARM_UP.into()]).await?;
        let before = self.task_seconds().await?;
        self.browser.run(total, &[EVENTS.into()]).await?;
        Ok((self.task_seconds().await? - before) * 1e6 / f64::from(EVENTS))
    }

    async fn task_seconds(&self) -> Result<f64> {
        let answer = self.cdp.send_raw("Performance.getMetrics", json!({})).await?;
        let metrics = answer["metrics"].as_array().context("the browser measures nothing")?;
        let task = metrics.iter().find(|metric| metric["name"] == "TaskDuration");
        task.and_then(|metric| metric["value"].as_f64()).context("the browser measures no tasks")
    }

    /// A fresh page with the subject, and the storage of none before it.
    async fn load(&self, subject: Subject) -> Result<()> {
        self.goto().await?;
        let run = json!({
            "collector": self.collector, "key": KEY, "app": APP, "sink": self.site.sink(), "events": WARM_UP + EVENTS,
            // Nobody is to lose an event; the peers' queues are as long.
            "limits": { "memoryBytes": 64 << 20, "storageBytes": 4 << 20 },
        });
        self.browser.run("return bench.start(...arguments)", &[subject.module().into(), run]).await?;
        Ok(())
    }

    async fn goto(&self) -> Result<()> {
        let page = format!("{}/index.html", self.site.origin());
        self.browser.goto(&page).await?;
        self.browser.run("localStorage.clear()", &[]).await?;
        // Once more: what the page before had in mind to write is gone.
        self.browser.goto(&page).await?;
        let isolated = self.browser.wait_for("window.bench && { value: bench.isolated() }").await?;
        ensure!(isolated["value"] == true, "the page is not cross-origin isolated: its clock is too coarse");
        Ok(())
    }
}

fn figure(value: &Value) -> Result<Figure> {
    let member = |name: &str| value[name].as_f64().with_context(|| format!("no {name} in {value}"));
    Ok(Figure { subject: member("subject")?, yardstick: member("yardstick")?, ratio: member("ratio")? })
}

/// Each member's own median.
fn median(figures: &[Figure]) -> Figure {
    let of = |member: fn(&Figure) -> f64| {
        let mut values: Vec<f64> = figures.iter().map(member).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Figure { subject: of(|it| it.subject), yardstick: of(|it| it.yardstick), ratio: of(|it| it.ratio) }
}
