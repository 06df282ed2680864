//! The core of Beaconry.
#![no_std]
