//! Waiting for a condition, with a deadline.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Twice as long as the longest thing that is waited for: a living page looks for dead ones every minute.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Often enough that no test waits noticeably, seldom enough that asking costs nothing.
const PAUSE: Duration = Duration::from_millis(25);

/// Asks again and again until there is an answer, and returns it.
///
/// # Errors
/// The asker's own, at once; or, after [`LIMIT`], one that says `what` did not happen.
pub async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if start.elapsed() > LIMIT {
            bail!("waited {} s in vain: {what}", LIMIT.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// As [`until`], for what this process can see itself.
///
/// # Errors
/// After [`LIMIT`], one that says `what` did not happen.
pub async fn until_true(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    until(what, || {
        let answer = holds().then_some(());
        async move { Ok(answer) }
    })
    .await
}
