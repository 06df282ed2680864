//! The packed package in a real browser against a real collector.
//!
//! One binary, so that the limit on browsers at a time holds for all tests. Each test has a world and a profile of its
//! own; they run in any order and beside each other.

mod awkward;
mod death;
mod degraded;
mod delivery;
mod demo;
mod faults;
mod flag;
mod harness;
mod life;
mod modules;
mod modules_apart;
