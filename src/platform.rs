//! The browser's APIs, one a file. Each is a few imports and what makes them safe: nothing here decides anything.

pub(crate) mod clock;
pub(crate) mod entropy;
pub(crate) mod global;
pub(crate) mod json;
pub(crate) mod locks;
pub(crate) mod page;
pub(crate) mod promise;
pub(crate) mod serialize;
pub(crate) mod storage;
pub(crate) mod timer;
pub(crate) mod transport;
