//! What lies between a page and the collector. Everything may get lost, come twice, or come late; somebody else may answer.

use crate::collector::Response;
use crate::rng::Rng;

/// Chances in per mille, and what holds for all.
#[derive(Clone, Default)]
pub struct Weather {
    /// The request never arrives.
    pub lose: u64,
    /// It arrives; the answer does not, or only the half of it.
    pub cut: u64,
    /// It arrives again, later.
    pub duplicate: u64,
    /// It arrives when the client has long given up.
    pub late: u64,
    /// A proxy answers: 200 with a page, 502, 413 of its own.
    pub proxy: u64,
    /// 429 or 503, with Retry-After.
    pub throttle: u64,
    /// `sendBeacon` returns false.
    pub no_beacon: u64,
    /// The collector is killed, or its disk fails.
    pub mishap: u64,
    /// The key is refused.
    pub is_denied: bool,
    /// Nothing gets through.
    pub is_down: bool,
}

impl Weather {
    pub fn stormy(rng: &mut Rng) -> Self {
        let mut some = |often: u64, most: u64| if rng.chance(often) { rng.between(1, most) } else { 0 };
        Self {
            lose: some(500, 400),
            cut: some(500, 400),
            duplicate: some(500, 300),
            late: some(400, 300),
            proxy: some(200, 500),
            throttle: some(200, 400),
            no_beacon: some(300, 600),
            mishap: some(400, 200),
            is_denied: some(60, 1) > 0,
            is_down: some(120, 1) > 0,
        }
    }

    /// What answers instead of the collector, if anything does.
    pub fn in_between(&self, rng: &mut Rng) -> Option<Response> {
        if self.is_denied {
            return Some(Response::new(403, r#"{"error":"key","message":"unknown key"}"#));
        }
        if rng.chance(self.proxy) {
            let page = "<!doctype html><title>Sign in</title>";
            return Some(match rng.below(5) {
                0 => Response::new(502, page),
                1 => Response::new(413, page),
                2 => Response::new(400, page),
                3 => Response::new(204, ""),
                _ => Response::new(200, page),
            });
        }
        if rng.chance(self.throttle) {
            let status = rng.pick(&[429, 503]);
            let seconds = rng.pick(&[1, 5, 30, 120, 3600, 100 * 24 * 3600]);
            return Some(Response { retry_after: Some(seconds), ..Response::new(status, "") });
        }
        None
    }
}
