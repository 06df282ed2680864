//! What the page's life means for the streams.

use crate::{driver::Driver, platform::told};
use beaconry_core::{Link, Page};

/// What all beacons and keepalive fetches in flight share, in bytes of UTF-8 (Fetch, 4.6). The browser refuses what is too
/// much, and the core halves it.
const BEACON_BYTES: usize = 65_536;

impl Driver {
    /// One of `told::SHOWN` to `told::OFFLINE`.
    pub(crate) fn page_event(&self, event: u32) {
        match event {
            told::HIDDEN => self.leave(Some(Page::Hidden)),
            told::LEAVING => self.leave(None),
            told::GONE => return self.go(),
            told::BACK => {
                // Another stream, and the old ones if nobody has adopted them.
                self.renew();
                self.show(Page::Visible);
            }
            told::ONLINE => self.input(|core, now| core.handle_link(now, Link::Online)),
            told::OFFLINE => self.input(|core, now| core.handle_link(now, Link::Offline)),
            _ => self.show(Page::Visible),
        }
        self.drain();
        if matches!(event, told::SHOWN | told::BACK | told::ONLINE) {
            self.adopt_dead_streams();
        }
    }

    pub(crate) fn show(&self, page: Page) {
        self.input(|core, now| core.handle_page(now, page));
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
        let own = self.own.get();
        self.own.set(own.over());
        self.host.release(own.id.to_text().as_str());
        self.give_back_adopted();
        self.drain();
    }

    /// Persists and sends what is left, then lets go of everything.
    pub(crate) fn dispose(&self) {
        // First what must go even after a trap.
        self.host.listen(false);
        self.go();
        self.stop();
    }
}
