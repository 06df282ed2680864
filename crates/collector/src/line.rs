//! A line of the journal, as far as the index needs it.

use std::borrow::Cow;
use std::sync::Arc;

use beaconry_core::{Range, StreamId, StreamLine};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longer lines are no lines of ours: a request becomes 8 MiB at most, a line of type `delivery` half a MiB.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// What the index needs of a journal line.
pub(crate) struct Line {
    pub(crate) stream: StreamId,
    pub(crate) received: u64,
    pub(crate) app: Arc<str>,
    /// A JSON string as it stands.
    pub(crate) release: Option<String>,
    pub(crate) browser: Option<String>,
    /// The header that would tell the browser, as the PHP drop-in keeps it.
    pub(crate) ua: Option<String>,
    pub(crate) what: What,
}

pub(crate) enum What {
    Event(Range),
    Delivery(u32, Box<StreamLine>),
}

impl Line {
    /// `None`: no line that this program writes.
    pub(crate) fn parse(line: &[u8]) -> Option<Line> {
        #[derive(Deserialize)]
        struct Shape<'a> {
            id: &'a str,
            received: u64,
            #[serde(borrow, default)]
            app: Cow<'a, str>,
            #[serde(borrow)]
            release: Option<&'a RawValue>,
            #[serde(borrow)]
            browser: Option<Cow<'a, str>>,
            #[serde(borrow)]
            ua: Option<Cow<'a, str>>,
            #[serde(borrow)]
            data: &'a RawValue,
        }
        let shape: Shape<'_> = serde_json::from_str(str::from_utf8(line).ok()?).ok()?;
        let (stream, number) = shape.id.split_once('.')?;
        let what = match number.strip_prefix('~') {
            Some(count) => {
                let line = StreamLine::decode(shape.data.get().as_bytes()).ok()?;
                What::Delivery(count.parse().ok()?, Box::new(line))
            }
            None => What::Event(Range::one(number.parse().ok()?)?),
        };
        let stream = StreamId::parse(stream.as_bytes()).ok()?;
        let release = shape.release.map(|release| release.get().to_owned()).filter(|it| it.starts_with('"'));
        let (browser, ua) = (shape.browser.map(Cow::into_owned), shape.ua.map(Cow::into_owned));
        Some(Line {
            stream,
            received: shape.received,
            app: shape.app.as_ref().into(),
            release,
            browser,
            ua,
            what,
        })
    }
}
