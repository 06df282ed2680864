//! Who holds which stream: by a Web Lock, or, where there are none (plain http), by a lease among the stream's keys.

use crate::page::Life;
use crate::trace::name;
use crate::world::{SECOND, World};
use beaconry_core::StreamId;
use std::collections::BTreeMap;

/// How long a lease holds, and how often it is renewed: the timers of a hidden page ring once a minute.
pub const LEASE: u64 = 180 * SECOND;
const RENEW_EVERY: u64 = 60 * SECOND;

#[derive(Default)]
pub struct Locks {
    pub held: BTreeMap<StreamId, Hold>,
    pub are_leases: bool,
    /// What `Date.now()` says: leases end by it.
    pub clock: u64,
}

pub struct Hold {
    page: usize,
    until: u64,
}

impl Locks {
    /// `ifAvailable`; or the lease, also anew.
    pub fn take(&mut self, id: StreamId, page: usize) -> bool {
        let is_free = self.holder(id).is_none_or(|holder| holder == page);
        if is_free {
            self.held.insert(id, Hold { page, until: self.clock + LEASE });
        }
        is_free
    }

    pub fn release(&mut self, id: StreamId, page: usize) {
        if self.is_of(id, page) {
            self.held.remove(&id);
        }
    }

    pub fn release_all(&mut self, page: usize) {
        self.held.retain(|_, hold| hold.page != page);
    }

    /// Its process is gone. A lease stays until it ends.
    pub fn died(&mut self, page: usize) {
        if !self.are_leases {
            self.release_all(page);
        }
    }

    /// Whom all others see as its holder. A lease that ends later than one can was written by another clock.
    pub fn holder(&self, id: StreamId) -> Option<usize> {
        let holds = |hold: &&Hold| (self.clock..=self.clock + LEASE).contains(&hold.until);
        self.held.get(&id).filter(|hold| !self.are_leases || holds(hold)).map(|hold| hold.page)
    }

    /// Whether the page has it still, as far as it can tell: an ended lease that nobody has taken is its own.
    pub fn is_of(&self, id: StreamId, page: usize) -> bool {
        self.held.get(&id).is_some_and(|hold| hold.page == page)
    }

    pub fn of(&self, page: usize) -> Vec<StreamId> {
        self.held.iter().filter(|(_, hold)| hold.page == page).map(|(id, _)| *id).collect()
    }
}

impl World {
    pub fn granted(&mut self, page: usize, stream: StreamId) {
        let host = &self.pages[page];
        if !host.is_alive() || host.own != stream || matches!(host.life, Life::Gone | Life::Cached) {
            return;
        }
        // A lease is a key like others: where the storage is blocked it waits, for there is nothing to lose either.
        self.pages[page].waits_for_lease = self.locks.are_leases && self.storage.is_blocked;
        if self.pages[page].waits_for_lease {
            return;
        }
        let has_it = self.hold(page, stream);
        assert!(has_it || self.locks.are_leases, "somebody else has the lock of {}", name(stream));
        if !has_it {
            self.lose(page, stream);
        }
    }

    /// Takes a stream, if it is free.
    pub fn hold(&mut self, page: usize, stream: StreamId) -> bool {
        if self.locks.are_leases && self.storage.is_blocked {
            return false;
        }
        let has_it = self.locks.take(stream, page);
        if has_it {
            self.pages[page].holds.insert(stream);
        }
        has_it
    }

    pub fn let_go(&mut self, page: usize, stream: StreamId) {
        self.locks.release(stream, page);
        self.pages[page].holds.remove(&stream);
    }

    pub fn let_all_go(&mut self, page: usize) {
        self.locks.release_all(page);
        self.pages[page].holds.clear();
    }

    /// Before anything is told, written or sent: a page that slept may have lost what it held. What it still has it renews.
    pub fn keep_leases(&mut self, page: usize) {
        if !self.locks.are_leases || !self.pages[page].runs() || self.pages[page].is_draining {
            return;
        }
        if self.pages[page].waits_for_lease && !self.storage.is_blocked {
            self.granted(page, self.pages[page].own);
        }
        for stream in self.pages[page].holds.clone() {
            if !self.locks.is_of(stream, page) {
                self.lose(page, stream);
            } else if !self.storage.is_blocked {
                self.locks.take(stream, page);
            }
        }
    }

    /// Another has it: the own stream is followed by a new one, an adopted one is given back.
    fn lose(&mut self, page: usize, stream: StreamId) {
        self.say(|| format!("page {page} has lost {}", name(stream)));
        self.pages[page].holds.remove(&stream);
        self.reach("a lease was lost");
        if stream == self.pages[page].own {
            self.begin_stream(page);
            self.grant_in(page, 0);
        } else {
            let (now, key) = (self.instant(), self.pages[page].key(stream));
            self.handle(page, |pipeline| pipeline.release(now, key));
        }
    }

    /// Once a minute, as long as the page runs.
    pub fn renew(&mut self, page: usize, at: u64) {
        if self.pages[page].renews_at == at && self.pages[page].runs() {
            self.keep_leases(page);
            let now = self.instant();
            self.handle(page, |pipeline| pipeline.handle_timeout(now));
            self.drain(page);
            self.renew_later(page);
        }
    }

    pub fn renew_later(&mut self, page: usize) {
        if self.locks.are_leases {
            let at = self.now + RENEW_EVERY;
            self.pages[page].renews_at = at;
            self.renew_at(page, at);
        }
    }
}
