//! What JavaScript tells, by number, as in `pkg-template/platform/told.js`.

pub(crate) const SHOWN: u32 = 0;
pub(crate) const HIDDEN: u32 = 1;
pub(crate) const LEAVING: u32 = 2;
pub(crate) const GONE: u32 = 3;
pub(crate) const BACK: u32 = 4;
pub(crate) const ONLINE: u32 = 5;
pub(crate) const OFFLINE: u32 = 6;
pub(crate) const WAKE: u32 = 7;
pub(crate) const LOOK: u32 = 8;
pub(crate) const LINES: u32 = 9;
pub(crate) const REPLIED: u32 = 10;
pub(crate) const LOCK: u32 = 11;
pub(crate) const MEMBERS: u32 = 12;
pub(crate) const FLUSH: u32 = 13;
pub(crate) const STATS: u32 = 14;
pub(crate) const DISPOSE: u32 = 15;
