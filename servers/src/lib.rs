//! The collector's program beside real servers. `cargo xtask test loki otlp prometheus` builds or finds them and says in the
//! environment where they are; without it the tests fail, they are never skipped.
//!
//! [`program`] starts and ends programs, [`loki`] asks a Loki, [`journal`] writes journals.

pub mod http;
pub mod journal;
pub mod loki;
pub mod program;

pub use program::{Program, beaconry, free_port, wait_until};
