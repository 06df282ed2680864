//! The machine's clock, which is set as somebody likes, and what lies in the storage by it. Timers go on evenly.

use crate::page::Page;
use crate::world::{DAY, World, instant};

/// The gate's longest hold: what is further ahead was written by another clock.
const LONGEST_GATE: u64 = DAY;

impl World {
    /// What `Date.now()` says.
    pub fn wall(&self) -> u64 {
        self.now.saturating_add_signed(self.clock_error)
    }

    /// From here on the clock is so far ahead of the true time.
    pub fn set_clock(&mut self, error: i64) {
        self.say(|| format!("the clock is set {} s ahead of the true time", error / 1000));
        self.clock_error = error;
        self.reach("the clock was set");
        self.locks.clock = self.wall();
        // A browser has queued the locks of the pages before, and grants them in order, whatever the clock says; a lease is
        // written some ms after the page opens.
        for page in 0..self.pages.len() {
            if self.pages[page].is_alive() && !self.pages[page].holds.contains(&self.pages[page].own) {
                self.granted(page, self.pages[page].own);
            }
        }
    }

    // ── The gate ──

    /// For how long a word of the gate still holds.
    fn gated_for(&self, until: u64) -> u64 {
        Some(until.saturating_sub(self.wall())).filter(|left| *left <= LONGEST_GATE).unwrap_or(0)
    }

    /// For how long nobody of the origin sends.
    pub fn gate_left(&self) -> u64 {
        self.gated_for(self.storage.gate_until)
    }

    /// Whether a page that opens now is off.
    pub fn is_off(&self) -> bool {
        self.gated_for(self.storage.off_until) > 0
    }

    pub fn turn_off(&mut self) {
        self.storage.off_until = self.wall() + DAY;
    }

    pub fn read_gate(&mut self, page: usize) {
        let wait = self.gate_left();
        if wait > 0 {
            self.close_gate(page, self.now + wait);
        }
    }

    /// A page was told to wait until then, and tells the others.
    pub fn gate(&mut self, page: usize, until: u64) {
        self.say(|| format!("page {page}: told to wait until {until}"));
        let left = self.gate_left().max(until - self.now);
        self.storage.gate_until = self.wall() + left;
        if let Some(page) = self.pages.get_mut(page) {
            page.wait_until(until);
        }
        // The `storage` event: all tabs that run hear of it at once.
        for other in 0..self.pages.len() {
            if other != page && self.pages[other].runs() {
                self.keep_leases(other);
                self.close_gate(other, until);
                self.drain(other);
            }
        }
    }

    fn close_gate(&mut self, page: usize, until: u64) {
        let now = self.instant();
        self.pages[page].wait_until(until);
        self.handle(page, |pipeline| pipeline.handle_gate(now, instant(until)));
    }
}

impl Page {
    /// No fetch before this, in true time.
    pub fn wait_until(&mut self, until: u64) {
        self.throttled_until = self.throttled_until.max(until);
    }
}
