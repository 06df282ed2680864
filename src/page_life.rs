//! What the page's life means for the streams.

use crate::{driver::Driver, platform::page::PageEvent};
use beaconry_core::{Link, Page, Totals};

/// What all beacons and keepalive fetches in flight share, in bytes of UTF-8 (Fetch, 4.6). The browser refuses what is too
/// much, and the core halves it.
const BEACON_BYTES: usize = 65_536;

impl Driver {
    pub(crate) fn page_event(&self, event: PageEvent) {
        if self.is_stopped() {
            return;
        }
        match event {
            PageEvent::Shown => self.input(|core, now| core.handle_page(now, Page::Visible)),
            PageEvent::Hidden => self.leave(Some(Page::Hidden)),
            PageEvent::Leaving => self.leave(None),
            PageEvent::Gone => return self.go(),
            PageEvent::Back => return self.come_back(),
            PageEvent::Online => self.input(|core, now| core.handle_link(now, Link::Online)),
            PageEvent::Offline => self.input(|core, now| core.handle_link(now, Link::Offline)),
        }
        self.drain();
        if matches!(event, PageEvent::Shown | PageEvent::Online) {
            self.adopt_dead_streams();
        }
    }

    /// Maybe the last that is heard of the page.
    fn leave(&self, page: Option<Page>) {
        self.input(|core, now| {
            if let Some(page) = page {
                core.handle_page(now, page);
            }
            core.handle_exit(now, BEACON_BYTES);
        });
    }

    /// `pagehide`: the stream is closed, and every lock goes, for a held one keeps the page out of the back/forward cache.
    fn go(&self) {
        self.leave(Some(Page::Gone));
        self.drain();
        self.own.set(self.own.get().over());
        let lock = self.own_lock.take();
        drop(lock);
        self.give_back_adopted();
        self.drain();
    }

    /// Back from the back/forward cache: another stream, and the old ones if nobody has adopted them.
    fn come_back(&self) {
        self.renew();
        self.input(|core, now| core.handle_page(now, Page::Visible));
        self.drain();
        self.adopt_dead_streams();
    }

    /// Persists and sends what is left, then lets go of everything.
    pub(crate) fn dispose(&self) {
        if self.is_stopped() {
            return;
        }
        // First what must go even after a trap.
        let listening = self.listening.take();
        drop(listening);
        self.go();
        self.finish_all_flushes();
        self.stop();
    }

    pub(crate) fn totals(&self) -> Totals {
        self.input(|core, _| core.books().totals())
    }
}
