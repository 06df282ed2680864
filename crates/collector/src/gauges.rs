//! What is so now, for `GET /metrics`: the journal's files, its consumers, the disk, the index.

use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::files::{self, JournalFile, Name, Packing};
use crate::index::books::{self, Books};
use crate::journal::{self, Position};
use crate::upkeep::consumers;

type Number = Gauge<u64, AtomicU64>;

/// Everything at one moment.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Files and bytes on disk, plain and packed.
    plain: (u64, u64),
    packed: (u64, u64),
    /// The oldest file.
    oldest: Option<Name>,
    /// Each consumer and the bytes that it has not read yet.
    consumers: Vec<(String, u64)>,
    pub(crate) disk: Space,
    pub(crate) full: bool,
    pub(crate) streams: u64,
    pub(crate) books: Books,
}

/// A file system's bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Space {
    /// What this process may still write.
    pub(crate) free: u64,
    size: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfPacking {
    packing: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfFile {
    file: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfConsumer {
    consumer: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfApp {
    app: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfFate {
    app: String,
    fate: &'static str,
}

/// The gauges as Prometheus reads them.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    files: Family<OfPacking, Number>,
    bytes: Family<OfPacking, Number>,
    oldest: Family<OfFile, Number>,
    lag: Family<OfConsumer, Number>,
    free: Number,
    size: Number,
    full: Number,
    streams: Number,
    tracked: Family<OfApp, Gauge>,
    twice_refused: Family<OfApp, Gauge>,
    fates: Family<OfFate, Gauge>,
}

/// The space of the file system that a directory lies in.
pub(crate) fn space(dir: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(Space { free: stat.f_bavail * stat.f_frsize, size: stat.f_blocks * stat.f_frsize })
}

impl Observed {
    /// What the directory tells. `synced` is as far as consumers may read.
    pub(crate) fn of(data: &Path, synced: Option<Position>) -> io::Result<Observed> {
        let mut observed = Observed { disk: space(data)?, ..Observed::default() };
        let files = files::list(data)?;
        observed.oldest = files.first().and_then(|file| Name::parse(&file.name));
        let mut lengths = Vec::new();
        for file in files {
            let Some((on_disk, unpacked)) = lengths_of(&file)? else { continue };
            let (count, bytes) =
                if file.packing == Packing::Plain { &mut observed.plain } else { &mut observed.packed };
            *count += 1;
            *bytes += on_disk;
            lengths.extend(Name::parse(&file.name).map(|name| (name, unpacked)));
        }
        for consumer in consumers::list(data)? {
            let unread = lengths.iter().map(|(name, len)| {
                let len = synced.filter(|synced| synced.name == *name).map_or(*len, |synced| synced.good);
                consumer.unread(*name, len)
            });
            let unread = unread.sum();
            observed.consumers.push((consumer.name, unread));
        }
        Ok(observed)
    }
}

/// Bytes on disk, and of what it unpacks to; `None` where it is gone since it was listed.
fn lengths_of(file: &JournalFile) -> io::Result<Option<(u64, u64)>> {
    let lengths = std::fs::metadata(&file.path).and_then(|metadata| {
        let unpacked = if file.packing == Packing::Plain { None } else { file.unpacked_len()? };
        Ok((metadata.len(), unpacked.unwrap_or(metadata.len())))
    });
    match lengths {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        lengths => lengths.map(Some),
    }
}

impl Gauges {
    pub(crate) fn register(registry: &mut Registry) -> Gauges {
        let gauges = Gauges::default();
        registry.register("journal_files", "Files of the journal", gauges.files.clone());
        registry.register_with_unit(
            "journal_size",
            "Bytes on disk of the journal's files",
            Unit::Bytes,
            gauges.bytes.clone(),
        );
        registry.register_with_unit(
            "journal_oldest_file_timestamp",
            "Start of the day of the oldest file",
            Unit::Seconds,
            gauges.oldest.clone(),
        );
        registry.register_with_unit(
            "consumer_lag",
            "Bytes of the journal that a consumer has not read, unpacked",
            Unit::Bytes,
            gauges.lag.clone(),
        );
        registry.register_with_unit(
            "disk_free",
            "Space left for the journal",
            Unit::Bytes,
            gauges.free.clone(),
        );
        registry.register_with_unit("disk_size", "Size of its file system", Unit::Bytes, gauges.size.clone());
        registry.register("disk_full", "1 while the last write found no room", gauges.full.clone());
        registry.register("index_streams", "Streams that the index knows", gauges.streams.clone());
        registry.register(
            "known_events",
            "Events of all streams that it ever knew: stored, outstanding, lost, or dropped by the client for this reason",
            gauges.fates.clone(),
        );
        registry.register(
            "known_events_tracked",
            "Events that clients have numbered: the sum over all fates",
            gauges.tracked.clone(),
        );
        registry.register(
            "known_events_twice_refused",
            "Events that came again and were stored already, also before the last restart",
            gauges.twice_refused.clone(),
        );
        gauges
    }

    pub(crate) fn set(&self, observed: &Observed) {
        for (packing, (files, bytes)) in [("plain", observed.plain), ("packed", observed.packed)] {
            self.files.get_or_create(&OfPacking { packing }).set(files);
            self.bytes.get_or_create(&OfPacking { packing }).set(bytes);
        }
        self.oldest.clear();
        if let Some(oldest) = observed.oldest {
            let day = journal::start_of(oldest.day()) / 1_000;
            self.oldest.get_or_create(&OfFile { file: oldest.to_string() }).set(day);
        }
        // A consumer that is gone has no lag.
        self.lag.clear();
        for (consumer, bytes) in &observed.consumers {
            self.lag.get_or_create(&OfConsumer { consumer: consumer.clone() }).set(*bytes);
        }
        self.free.set(observed.disk.free);
        self.size.set(observed.disk.size);
        self.full.set(observed.full.into());
        self.streams.set(observed.streams);
        self.set_books(&observed.books);
    }

    fn set_books(&self, books: &Books) {
        for family in [&self.tracked, &self.twice_refused] {
            family.clear();
        }
        self.fates.clear();
        for (app, cell, count) in books.iter() {
            let app = app.to_string();
            match cell {
                books::STREAMS => {}
                books::TRACKED => {
                    // A collector to which nothing came twice says so.
                    drop(self.twice_refused.get_or_create(&OfApp { app: app.clone() }));
                    self.tracked.get_or_create(&OfApp { app }).set(count);
                }
                books::TWICE_REFUSED => drop(self.twice_refused.get_or_create(&OfApp { app }).set(count)),
                fate => drop(self.fates.get_or_create(&OfFate { app, fate }).set(count)),
            }
        }
    }
}
