//! The figures with their targets, as text.

use std::fs;
use std::thread;

use crate::measure::{Calls, Figure, HELD, Totals};

/// How to read it.
pub(crate) const FOOT: &str = "
Each figure is the median of repetitions in turn with its yardstick, less what the harness takes. The ratio is the
median of the repetitions' own: it holds on another machine, the microseconds do not.";

/// Between 10 and 100,000 events held, more than noise and less than any structure that is searched.
const FLAT: f64 = 1.5;

/// The machine and the browser, and the columns.
pub(crate) fn heading(browser: &str) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!(
        "\n{browser}, {} ({cores} threads), load {}\n\n{:<58} {:>8} {:>9} {:>6}  {:<8}",
        processor(),
        load(),
        "µs",
        "Beaconry",
        "yardstick",
        "ratio",
        "target"
    )
}

/// One `track`, in a burst and alone.
pub(crate) fn calls(calls: &Calls) {
    row("track in a burst of 100, persisted : JSON.stringify", calls.burst, Some(5.0));
    row("  of that the storage: bare setItem of the same : the same", calls.storage, None);
    row("a lone track, persisted : setItem of 1 KB", calls.lone, Some(3.0));
}

/// All time of the main thread.
pub(crate) fn totals(totals: &Totals) {
    row("main thread, flush included : OpenTelemetry logs", totals.beside_otel, Some(0.5));
    row("main thread, flush included : class that rewrites its queue", totals.beside_rewrite, None);
}

/// Clients that hold events.
pub(crate) fn holders(figures: &[Figure]) {
    for (held, figure) in HELD.iter().zip(figures) {
        row(&format!("track in a burst, {held} held : JSON.stringify"), *figure, Some(5.0));
    }
    if let (Some(few), Some(many)) = (figures.first(), figures.last()) {
        let flat = Figure { subject: many.subject, yardstick: few.subject, ratio: many.ratio / few.ratio };
        row("the last : the first of these", flat, Some(FLAT));
    }
}

fn row(name: &str, figure: Figure, target: Option<f64>) {
    let Figure { subject, yardstick, ratio } = figure;
    let verdict = match target {
        Some(target) if ratio <= target => format!("<= {target:<4} met"),
        Some(target) => format!("<= {target:<4} MISSED"),
        None => String::new(),
    };
    println!("{name:<58} {subject:>8.2} {yardstick:>9.2} {ratio:>6.2}  {verdict}");
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

/// Processes that compete for the machine, in the last minute: above its threads, the figures waver.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}
