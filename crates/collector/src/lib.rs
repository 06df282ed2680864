//! The collector of Beaconry.
