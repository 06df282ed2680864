//! What is asked, and how the question reaches a server.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::wish::Channel;

/// The wish for a report; the answer is one, or words for people.
pub(super) const DELIVERY: Channel =
    Channel { lock: "delivery.lock", wish: "delivery.json", answer: "delivered.json" };

/// What is asked for.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
pub(crate) struct Question {
    /// Group the streams: by release or browser as they were told, by the UTC day on which the page was opened, by app
    #[arg(long, value_name = "GROUP")]
    pub(crate) by: Option<By>,
    /// Only the streams of this app
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
}

/// What streams have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    /// The release of the app, as the stream's last line says.
    Release,
    /// Name and major version, by the first User-Agent that sent for it.
    Browser,
    /// The UTC day of its birth by the client's clock, which is in its id.
    Day,
    /// Whose key it is.
    App,
}
