//! One black-box suite over HTTP: the same requests get the same answers and leave the same journal, whether the collector
//! takes them, or the PHP drop-in on Apache or on nginx.
//!
//! - [`target`]: the three of them, each real, on a port and in a folder of its own
//! - [`php`]: the drop-in set up in a document root; [`apache`] and [`nginx`] serve it
//! - [`http`]: requests byte for byte, also such as no client library would send
//! - [`journal`]: what a target has on its disk
//! - [`process`]: servers that never outlive a test
//!
//! Servers run as another user where the tests run as root, for root may read and write anywhere.

pub mod apache;
pub mod http;
pub mod journal;
pub mod nginx;
pub mod php;
pub mod process;
pub mod target;
