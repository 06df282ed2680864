//! The example apps, installed from the packed tarball, in a real browser against a real collector. `cargo xtask test examples`
//! installs them.

mod app;
mod vanilla;
mod vite;
