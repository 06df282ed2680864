//! The scenarios, a file a theme. Each drives a case to where the user is back; what is stored by then is waited for and
//! compared by [`crate::case::Case::run`].

pub(crate) mod clients;
pub(crate) mod clocks;
pub(crate) mod death;
pub(crate) mod degraded;
pub(crate) mod leave;
pub(crate) mod life;
pub(crate) mod offline;
pub(crate) mod servers;
pub(crate) mod storage;
pub(crate) mod tabs;
