//! How far an import is: a bar at a terminal, a line now and then anywhere else.

use std::cell::Cell;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

/// How often a line says how far it is, where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The last part is cut to the terminal's width.
const STYLE: &str = "{bar:20} {bytes}/{total_bytes}, {eta} left  {wide_msg}";

/// What became of the lines.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) brought: usize,
    /// Brought by an earlier run, or from another file.
    pub(crate) known: usize,
    pub(crate) refused: usize,
    /// Whole lines that are no event.
    pub(crate) bad: usize,
    /// Last lines of files that are not whole.
    pub(crate) torn: usize,
}

/// Where the progress is shown: standard error.
pub(crate) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    said: Cell<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let is_terminal = io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // The template is a constant, which the tests draw.
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        Progress { bar, is_terminal, said: Cell::new(Instant::now()) }
    }

    /// Where the log goes, so that it and the bar do not write over each other.
    pub(crate) fn log(&self) -> impl for<'a> MakeWriter<'a> + Send + Sync + 'static {
        let bar = self.bar.clone();
        move || Beside(bar.clone())
    }

    pub(crate) fn begin(&self, bytes: u64) {
        self.bar.set_length(bytes);
    }

    pub(crate) fn file(&self, path: &Path) {
        self.line(&format!("reading {}", path.display()));
    }

    /// Counts what is read of a file, packed as it is.
    pub(crate) fn reading(&self, file: impl Read + Send + 'static) -> impl Read + Send + 'static {
        self.bar.wrap_read(file)
    }

    pub(crate) fn say(&self, counts: &Counts) {
        self.bar.set_message(counts.short());
        if self.said.get().elapsed() >= LINE_EVERY {
            let percent = self.bar.position() * 100 / self.bar.length().unwrap_or(0).max(1);
            self.line(&format!("{percent} %, {}", counts.short()));
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        self.said.set(Instant::now());
        if !self.is_terminal {
            eprintln!("{text}");
        }
    }
}

impl Counts {
    fn short(self) -> String {
        let Counts { brought, known, refused, bad, .. } = self;
        format!("{brought} brought, {known} known, {} set aside", refused + bad)
    }

    /// All of them in a sentence; what did not occur is left out.
    pub(crate) fn summary(self, url: &str) -> String {
        let mut text = format!("brought {} to {url}", counted(self.brought, "event"));
        let mut also = |count: usize, what: &str| {
            if count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        };
        also(self.known, "known before and left out");
        also(self.refused, "refused");
        also(self.bad, "no events");
        also(self.torn, "last lines torn: they come with a later download, or were never acknowledged");
        text
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Standard error, with the bar out of the way.
struct Beside(ProgressBar);

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }

    #[test]
    fn a_summary_says_what_occurred() {
        let counts = Counts { brought: 1, refused: 2, ..Counts::default() };
        assert_eq!(counts.summary("http://a"), "brought 1 event to http://a; 2 refused");
    }
}
