//! The harness of the end-to-end tests: a real browser, driven by WebDriver, that loads the packed npm package and
//! talks to a real collector, with a proxy in between that can fail in every way a network can.
//!
//! - [`world`]: all of it together, for one test, in a folder of its own
//! - [`browser`]: the browser and its driver; kills renderers and whole browsers
//! - [`engine`]: which browsers there are, and what differs between them
//! - [`collector`]: the collector's process: start, kill, start again on the same port and data
//! - [`proxy`]: in front of the collector; cuts, hangs, answers wrongly, and writes down what went through
//! - [`trap`]: the package's WebAssembly, changed so that it traps
//! - [`site`]: serves the test pages and the package, and writes down what was asked for
//! - [`journal`]: what the collector has on its disk
//! - [`truth`]: what the page says it has tracked, to compare the journal with
//! - [`process`], [`wait`]: children that never outlive a test, and waiting for conditions
//!
//! The browser's own network, storage and clock are never replaced. Nothing here waits for a time to pass: what is to
//! happen is waited for with a deadline, and what must not happen is followed by something that does.

pub mod browser;
pub mod collector;
pub mod engine;
pub mod journal;
pub mod process;
pub mod proxy;
pub mod site;
mod tabs;
pub mod trap;
pub mod truth;
pub mod wait;
pub mod world;
