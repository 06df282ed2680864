//! Reads bodies within their share of memory, and to their end: who is cut off while he sends never sees the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;
use crate::state::{BUDGET_PIECE, State};

/// A body takes at most so long. 128 KiB over slow 3G take 3 s, and the client sends more only where that was quick; one that
/// needs longer times out itself.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Of a body that is too large, so much more is read before the answer: a browser that is cut off while it sends
/// reports a broken network, and would send the same again.
const DISCARD_BYTES: usize = 8 * 1024 * 1024;

/// A request's share of the memory for bodies and what becomes of them. It grows with what has arrived: what is only
/// announced may never come, and keeps nobody else out.
pub(crate) struct Share {
    budget: Arc<Semaphore>,
    held: OwnedSemaphorePermit,
}

impl Share {
    fn new(budget: Arc<Semaphore>) -> Result<Share, Refusal> {
        let held = budget.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
        Ok(Share { budget, held })
    }

    /// Sees to it that `bytes` are covered.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Refusal> {
        let missing = (bytes / BUDGET_PIECE + 1).saturating_sub(self.held.num_permits());
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let more = self.budget.clone().try_acquire_many_owned(missing).map_err(|_| Refusal::Busy)?;
        self.held.merge(more);
        Ok(())
    }
}

/// Reads a body. What is refused, before or meanwhile, is read to its end all the same, and let go.
pub(crate) async fn read(
    state: &State,
    body: Body,
    refused: Option<Refusal>,
) -> Result<(Vec<u8>, Share), Refusal> {
    let budget = state.0.budget.clone();
    let share = refused.map_or_else(|| Share::new(budget), Err);
    let reading = tokio::time::timeout(BODY_TIMEOUT, read_all(body, state.0.config.max_body, share));
    reading.await.unwrap_or(Err(refused.unwrap_or(Refusal::Torn)))
}

async fn read_all(
    body: Body,
    max: usize,
    mut share: Result<Share, Refusal>,
) -> Result<(Vec<u8>, Share), Refusal> {
    let mut body = body.into_data_stream();
    let (mut bytes, mut len) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let torn = |_| share.as_ref().err().copied().unwrap_or(Refusal::Torn);
        let data = frame.map_err(torn)?.into_data().unwrap_or_default();
        len += data.len();
        if len > max + DISCARD_BYTES {
            break;
        }
        share = share.and_then(|mut share| {
            if len > max {
                return Err(Refusal::TooLarge);
            }
            share.hold(len)?;
            Ok(share)
        });
        if share.is_ok() {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
    }
    share.map(|share| (bytes, share))
}

/// Refuses a request whose body is not read yet.
pub(crate) async fn refuse(state: &State, body: Body, refusal: Refusal) -> Response {
    let _ = read(state, body, Some(refusal)).await;
    state.refuse(refusal)
}
