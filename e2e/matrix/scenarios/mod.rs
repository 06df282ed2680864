//! The scenarios, a file a theme. Each drives a case to where the user is back; what is stored by then is waited for and
//! compared by [`crate::case::Case::run`].

pub(crate) mod leave;
