//! The collector of Beaconry: receives events, writes them to append-only JSON Lines, and only then says yes.
//!
//! A request's way: [`http`] (limits, key and origin; [`refusal`], [`body`]) → [`receive`] (decode, check, render) →
//! [`writer`] (groups what waits, as much as [`group`] says) → [`store`] (look up, append, fsync, index) → the answer, with all numbers of the stream that
//! are stored.
//!
//! - [`journal`] writes the files, [`recover`] mends and reads them on start, [`index`] knows what is in them and keeps the
//!   [`books`](index::books) of each [`record`](index::record); a [`line`] is what it reads, and an index that was lost says [`since`] when it knows; [`disk`] is the file system below, so that a simulated one can forget what was not synced.
//! - [`delivery`] tells what became of every event, from a [`snapshot`](index::snapshot) of the index: of a running server's, asked by a [`wish`], or
//!   of the files as they are, through an [`overlay`].
//! - [`files`] names and orders the journal's files, and reads each, packed or not; [`upkeep`] packs and deletes the closed ones.
//! - [`event_line`] makes a journal line of an event; [`skew`] corrects its time, [`user_agent`] names its browser.
//! - [`forward`] brings what is in the journal, or in downloaded files, to Loki or by OTLP, in a process of its own.
//! - [`settings`] reads flags, variables and the file into a [`config`]; [`state`] is an open collector.
//! - [`serve`] accepts and drains; [`cors`] says which pages may send, [`limits`] how often, [`phase`] which keys are off.
//! - [`stats`] counts, [`gauges`] look, [`tail`] shows the journal.
//!
//! What it does not do: it queries nothing, deletes no journal file that it was not told to, terminates no TLS, and knows no
//! user.

mod body;
mod config;
mod cors;
mod delivery;
mod disk;
mod event_line;
mod files;
mod forward;
mod gauges;
mod group;
mod http;
mod index;
mod journal;
mod limits;
mod line;
mod overlay;
mod phase;
mod receive;
mod recover;
mod refusal;
mod serve;
mod settings;
#[cfg(test)]
mod sim;
mod since;
mod skew;
mod state;
mod stats;
mod store;
mod tail;
mod upkeep;
mod user_agent;
mod wish;
mod writer;

/// The command line.
pub mod cli;

pub use config::{App, Clock, Config, JournalFiles, Keep, MAX_BODY_BYTES, own_origins, system_clock};
pub use delivery::DeliveryError;
pub use forward::{BadEndpoint, BadTarget, ForwardError, ImportError, NotDelivered};
pub use http::app;
pub use limits::{ADDRESS as ADDRESS_RATE, KEY as KEY_RATE, Limits, Rate};
pub use phase::{Phase, PhaseError, set_phase};
pub use settings::SettingsError;
pub use state::{OpenError, State};
pub use upkeep::rotate::RotateError;

pub use serve::run;
