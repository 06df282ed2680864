//! One pass over the closed files.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::consumers::Consumer;
use super::pack;
use super::retain::{self, Due};
use crate::config::{JournalFiles, Keep};
use crate::disk::{Disk, DiskFile, read_full_at};
use crate::files::{self, MAX_HEADER, Name, Packing};
use crate::journal;

/// What the operator wants done with closed files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) compress: bool,
    pub(crate) keep: Keep,
}

impl Policy {
    pub(crate) fn of(files: &JournalFiles) -> Policy {
        Policy { compress: files.compress, keep: files.keep }
    }
}

/// What was done, for whoever asked and for the counters.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The file that a rotation has closed.
    pub(crate) closed: Option<String>,
    pub(crate) packed: Vec<String>,
    pub(crate) deleted: Vec<Deleted>,
    /// What went wrong, in words. It is tried again with the next pass.
    pub(crate) problems: Vec<String>,
}

/// A file that is gone.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deleted {
    pub(crate) name: String,
    /// `age` or `size`.
    pub(crate) why: String,
    /// Who had not read all of it, and the bytes that were left.
    pub(crate) unread: Vec<(String, u64)>,
}

impl Report {
    /// Nothing was done, for this reason.
    pub(crate) fn problem(problem: String) -> Report {
        tracing::error!(problem, "closed journal files are not looked after");
        Report { problems: vec![problem], ..Report::default() }
    }
}

/// What a pass works with.
pub(crate) struct Pass<'a, D> {
    pub(crate) disk: &'a D,
    pub(crate) policy: Policy,
    pub(crate) closed_files: &'a Mutex<()>,
    /// Whether the end is wished for.
    pub(crate) ends: &'a dyn Fn() -> bool,
}

/// A file of the journal as it is.
struct Found {
    name: Name,
    packing: Packing,
    bytes: u64,
    /// Of what it unpacks to; of the file where that cannot be told without unpacking.
    unpacked: u64,
}

impl<D: Disk> Pass<'_, D> {
    /// Packs and deletes what is due of the files before `current`.
    pub(crate) fn run(&self, consumers: &[Consumer], current: Name, now: u64) -> Report {
        let mut report = Report::default();
        let done = pack::sweep(self.disk).and_then(|()| {
            if self.policy.compress {
                self.pack(consumers, current, &mut report)?;
            }
            self.delete(consumers, current, journal::day_at(now), &mut report)
        });
        match done {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                report.problems.push(error.to_string());
                tracing::error!(%error, "closed journal files cannot be looked after");
            }
            _ => {}
        }
        report
    }

    fn pack(&self, consumers: &[Consumer], current: Name, report: &mut Report) -> io::Result<()> {
        for file in self.files()? {
            let is_due = file.name < current && file.packing == Packing::Plain;
            if !is_due || !consumers.iter().all(|consumer| consumer.has_passed(file.name, file.unpacked)) {
                continue;
            }
            let _closed_files = self.hold();
            match pack::pack(self.disk, file.name, self.ends) {
                Ok((from, to)) => {
                    tracing::info!(file = %file.name, from, to, "packed");
                    report.packed.push(file.name.packed(Packing::Zstd));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => {
                    tracing::warn!(file = %file.name, %error, "a file cannot be packed; it stays as it is");
                    report.problems.push(format!("{} cannot be packed: {error}", file.name));
                }
            }
        }
        Ok(())
    }

    fn delete(
        &self,
        consumers: &[Consumer],
        current: Name,
        today: Date,
        report: &mut Report,
    ) -> io::Result<()> {
        let _closed_files = self.hold();
        let files = self.files()?;
        let closed = files.partition_point(|file| file.name < current);
        let (closed, open) = files.split_at(closed);
        let sizes: Vec<(Name, u64)> = closed.iter().map(|file| (file.name, file.bytes)).collect();
        let due = retain::due(&sizes, open.iter().map(|file| file.bytes).sum(), self.policy.keep, today);
        for (name, why) in due {
            let unpacked = closed.iter().find(|file| file.name == name).map_or(0, |file| file.unpacked);
            for packing in [Packing::Zstd, Packing::Gzip, Packing::Plain] {
                self.disk.remove(&name.packed(packing))?;
            }
            self.disk.sync_dir()?;
            report.deleted.push(tell(name, why, consumers, unpacked));
        }
        self.delete_torn(today)
    }

    /// What a start took out of files that are gone by age is as old as they.
    fn delete_torn(&self, today: Date) -> io::Result<()> {
        let age = Keep { bytes: None, ..self.policy.keep };
        for side in self.disk.list()? {
            let name = side.strip_suffix(".torn").and_then(|of| Name::parse(&format!("{of}.jsonl")));
            if name.is_some_and(|name| !retain::due(&[(name, 0)], 0, age, today).is_empty()) {
                self.disk.remove(&side)?;
            }
        }
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<Found>> {
        let files = files::journal_files(self.disk.list()?);
        files.into_iter().map(|(name, packing)| found(self.disk, name, packing)).collect()
    }

    fn hold(&self) -> std::sync::MutexGuard<'_, ()> {
        self.closed_files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found<D: Disk>(disk: &D, name: Name, packing: Packing) -> io::Result<Found> {
    let file = disk.open(&name.packed(packing))?;
    let bytes = file.len()?;
    let unpacked = if packing == Packing::Plain {
        bytes
    } else {
        let mut head = [0; MAX_HEADER];
        let read = read_full_at(&file, &mut head, 0)?;
        files::unpacked_len(head.get(..read).unwrap_or_default()).unwrap_or(bytes)
    };
    Ok(Found { name, packing, bytes, unpacked })
}

/// A deletion is told in the log, loudly where somebody had not read it all.
fn tell(name: Name, why: Due, consumers: &[Consumer], unpacked: u64) -> Deleted {
    let unread = consumers.iter().map(|consumer| (consumer.name.clone(), consumer.unread(name, unpacked)));
    let unread: Vec<_> = unread.filter(|(_, bytes)| *bytes > 0).collect();
    for (consumer, bytes) in &unread {
        tracing::error!(
            file = %name, consumer, bytes, why = why.as_str(),
            "a journal file was deleted that a consumer had not read to its end: what it did not read is lost to it"
        );
    }
    tracing::info!(file = %name, why = why.as_str(), "deleted");
    Deleted { name: name.to_string(), why: why.as_str().into(), unread }
}
