//! How often a key, and an address, may send.
//!
//! Rates are those of `governor` (GCRA): a budget of so many requests that fills up at a steady rate. Who is told to come back
//! keeps what he has, and comes after that time: a limit delays events, and loses none.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// Under one key: what a collector of one core takes; a busy page sends once in five seconds as a rule, so these are 10,000 of them.
pub const KEY: Rate = Rate { per_second: 2_000.0, burst: 10_000 };
/// From one address: offices and mobile networks have thousands of people behind one, a script on one machine makes more.
pub const ADDRESS: Rate = Rate { per_second: 100.0, burst: 1_000 };
/// Addresses fall into so many pots by a hash that nobody outside knows, so that their memory is bounded: two that share
/// one share its budget.
const POTS: u64 = 65_536;

/// A budget of requests and how fast it fills up again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// In the long run; 0: no limit.
    pub per_second: f64,
    /// At once.
    pub burst: u32,
}

/// What limits requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Of each address.
    pub address: Rate,
    /// Header whose last value is the client's address: that of the proxy in front. Without it, addresses that are not
    /// public have no limit: behind an undeclared proxy all clients would share one.
    pub address_header: Option<String>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { address: ADDRESS, address_header: None }
    }
}

type Pots<C> = RateLimiter<u64, HashMapStateStore<u64>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The budgets of one kind.
pub(crate) struct Limiter<C: Clock = MonotonicClock> {
    /// `None`: no limit.
    pots: Option<Pots<C>>,
    clock: C,
    secret: RandomState,
}

impl Limiter {
    pub(crate) fn new(rate: Rate) -> Limiter {
        Limiter::with_clock(rate, MonotonicClock)
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn with_clock(rate: Rate, clock: C) -> Limiter<C> {
        let pots =
            quota(rate).map(|quota| RateLimiter::new(quota, HashMapStateStore::default(), clock.clone()));
        Limiter { pots, clock, secret: RandomState::new() }
    }

    /// Takes one request from the budget; otherwise says how long it takes until there is one.
    pub(crate) fn take(&self, of: impl std::hash::Hash) -> Result<(), Duration> {
        let Some(pots) = &self.pots else { return Ok(()) };
        let pot = self.secret.hash_one(of) % POTS;
        pots.check_key(&pot).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

fn quota(rate: Rate) -> Option<Quota> {
    let period = Duration::try_from_secs_f64(1.0 / rate.per_second).ok()?;
    Some(
        Quota::with_period(period.max(Duration::from_nanos(1)))?
            .allow_burst(NonZeroU32::new(rate.burst.max(1))?),
    )
}

/// What an address's budget is kept under: an IPv6 network has 2⁶⁴ addresses for one machine to choose from (RFC 4291, 2.5.1).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

/// Whether this can be a client's own address, and not that of a proxy on the same machine or in the same network.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            // Shared address space (RFC 6598) too: carriers' and clouds' own networks.
            let is_shared = matches!(address.octets(), [100, 64..=127, ..]);
            !(address.is_loopback() || address.is_private() || address.is_link_local() || is_shared)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_budget_fills_up_again_and_each_has_its_own() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::with_clock(Rate { per_second: 2.0, burst: 3 }, clock.clone());
        for _ in 0..3 {
            limiter.take("a").unwrap();
        }
        assert_eq!(limiter.take("a").unwrap_err(), Duration::from_millis(500));
        limiter.take("b").unwrap();
        clock.advance(Duration::from_millis(499));
        assert!(limiter.take("a").is_err());
        clock.advance(Duration::from_millis(1));
        limiter.take("a").unwrap();
        assert!(limiter.take("a").is_err());
    }

    #[test]
    fn a_rate_of_0_is_no_limit_and_a_burst_of_0_is_one_of_1() {
        let none = Limiter::new(Rate { per_second: 0.0, burst: 1 });
        assert!((0..10_000).all(|_| none.take("a").is_ok()));
        let rare = Limiter::new(Rate { per_second: 0.001, burst: 0 });
        rare.take("a").unwrap();
        assert!(rare.take("a").unwrap_err() > Duration::from_secs(900));
    }

    #[test]
    fn any_number_of_addresses_takes_bounded_memory() {
        let limiter = Limiter::new(Rate { per_second: 1.0, burst: 1_000_000 });
        (0..200_000_u32).for_each(|n| limiter.take(n).unwrap());
        assert!(limiter.pots.unwrap().len() as u64 <= POTS);
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_proxys_is_none() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network(address("2001:db8:1:2:3::4")), network(address("2001:db8:1:2:9::9")));
        assert_ne!(network(address("2001:db8:1:2::")), network(address("2001:db8:1:3::")));
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
        for own in [
            "127.0.0.1",
            "::1",
            "10.0.0.7",
            "172.18.0.1",
            "192.168.1.1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "100.64.0.1",
        ] {
            assert!(!is_public(address(own)), "{own}");
        }
        assert!(is_public(address("203.0.113.9")) && is_public(address("2001:db8::1")));
    }
}
