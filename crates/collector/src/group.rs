//! How much a request, and one fsync of the journal, may be.

use beaconry_core::wire::MAX_STREAM_LINE;

/// Bytes of journal lines that one request may become. Every line repeats what its batch shares, so that a small body
/// could ask for thousands of times its size. A full body of 1 MiB of usual events becomes 4 MiB.
pub(crate) const MAX_RENDERED_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of lines that one fsync takes: some ten thousand events, under a tenth of a second on a slow disk.
pub(crate) const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Requests that one fsync takes: each may add a line of type `delivery`, which no request shows the length of.
pub(crate) const MAX_GROUP_REQUESTS: usize = 256;
/// What can be in the journal without having been synced: a group, what its last request adds, and its `delivery` lines,
/// which are a stream line, and its identity once more.
pub(crate) const MAX_UNSYNCED_BYTES: usize =
    MAX_GROUP_BYTES + MAX_RENDERED_BYTES + MAX_GROUP_REQUESTS * (2 * MAX_STREAM_LINE + 1_024);
