//! The module of the npm package: all that [`beaconry`] exports with its feature `npm`.

pub use beaconry::*;
