//! The browser's APIs, one a file: imports of the functions in `pkg-template/platform/`, where each is a few lines of
//! JavaScript that make it safe. Nothing there decides anything.

pub(crate) mod books;
pub(crate) mod clock;
pub(crate) mod gate;
pub(crate) mod host;
pub(crate) mod locks;
pub(crate) mod page;

pub(crate) mod storage;
pub(crate) mod timer;
pub(crate) mod told;
pub(crate) mod transport;
