//! The drop-in on hosts as they are: folders that everybody sees, permissions and extensions that are missing, full disks,
//! files that were torn, clients that break off.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod broken_off;
mod common;
mod disk;
mod downloads;
mod recovery;
mod rotation;
mod setup;
