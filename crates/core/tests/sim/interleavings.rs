//! The interleavings from 20 on, as in `scenarios`: clocks, the mirror, leases, pages without wasm, a lost index.

use crate::locks::LEASE;
use crate::network::Weather;
use crate::scenarios::{down, finish, finish_without_a_loss, task, to, told, world};
use crate::world::{DAY, SECOND};
use beaconry_core::{Priority, Range, Ranges, Reason};

/// The clock goes `by` ms away from the truth between `track` and delivery.
fn clock_jump(by: i64) {
    let mut w = world();
    w.weather = down();
    let (page, dead) = (w.open(), w.open());
    task(&mut w, page, 3);
    task(&mut w, dead, 3);
    w.run(5 * SECOND);
    w.kill(dead);
    w.set_clock(by);
    w.weather = Weather::default();
    w.run(60 * SECOND);
    task(&mut w, page, 2);
    finish_without_a_loss(&mut w);
    assert!(w.collector.stale.is_empty());
}

#[test]
fn n20_the_clock_goes_back_an_hour_between_track_and_delivery() {
    clock_jump(-3_600_000);
}

#[test]
fn n21_the_clock_goes_forward_a_week_between_track_and_delivery() {
    clock_jump(7 * 24 * 3_600_000);
}

#[test]
fn n22_a_killed_browser_rolls_back_localstorage_and_the_mirror_has_it_all() {
    let mut w = world();
    w.weather = down();
    let page = w.open();
    for _ in 0..5 {
        task(&mut w, page, 3);
        w.run(5 * SECOND);
    }
    w.kill_browser(26 * SECOND, 900);
    assert!(w.storage.local.values.is_empty(), "nothing of it was on the disk");
    finish_without_a_loss(&mut w);
}

#[test]
fn n23_without_the_mirror_only_what_is_rolled_back_cannot_be_known() {
    let mut w = world();
    w.storage.has_mirror = false;
    w.weather = down();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    w.run(30 * SECOND);
    w.hide(page);
    w.show(page);
    task(&mut w, page, 2);
    w.kill_browser(20 * SECOND, 0);
    assert_eq!(w.truth[&own].excused, Ranges::from(Range::new(3, 5).unwrap()));
    finish(&mut w);
    assert_eq!(w.collector.stored(own), to(3));
}

#[test]
fn n24_of_two_stream_lines_the_shorter_knows_a_drop() {
    let mut w = world();
    w.weather = down();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    w.track(page, 40_000, Priority::Normal);
    w.drain(page);
    let known = w.storage.mirror.values[&(own, 0)].clone();
    // As after a rollback, but for a release that takes more room than the drop.
    let older = String::from_utf8(known.clone()).unwrap().replace(r#"{"too_large":[[3,4]]}"#, "{}");
    let older = older.replace(r#","tracked""#, &format!(r#","release":"{}","tracked""#, "x".repeat(40)));
    w.kill(page);
    w.storage.local.set(w.now, (own, 0), Some(older.into_bytes()));
    finish(&mut w);
    assert_eq!(told(&w, own, Reason::TooLarge), Ranges::from(Range::new(3, 4).unwrap()));
}

#[test]
fn n25_an_index_made_again_from_half_of_the_journal_stores_nothing_twice() {
    let mut w = world();
    let page = w.open();
    let own = w.pages[page].own;
    w.weather = Weather { cut: 1000, ..Weather::default() };
    task(&mut w, page, 3);
    w.run(10 * SECOND);
    w.freeze(page);
    w.run(DAY);
    w.resume(page);
    task(&mut w, page, 2);
    w.run(10 * SECOND);
    assert!(w.collector.stored(own).count() >= 3, "and no answer came");
    w.collector.lose_index(1);
    finish(&mut w);
    assert!(w.collector.stale.contains(&own), "of before: what the index knows of it is only a part");
    assert_eq!(w.collector.ever_stored(own), to(3));
}

/// Two pages of an origin without Web Locks, offline; the first has three events.
fn leased() -> (crate::world::World, usize, usize) {
    let mut w = world();
    w.locks.are_leases = true;
    w.weather = down();
    let (page, other) = (w.open(), w.open());
    w.run(5 * SECOND);
    task(&mut w, page, 3);
    (w, page, other)
}

#[test]
fn n26_a_page_that_was_frozen_longer_than_its_lease_goes_on_in_a_new_stream() {
    let (mut w, page, other) = leased();
    let old = w.pages[page].own;
    w.freeze(page);
    w.run(LEASE + 600 * SECOND);
    assert_eq!(w.locks.holder(old), Some(other), "its lease has ended");
    w.resume(page);
    w.show(page);
    task(&mut w, page, 2);
    assert_ne!(w.pages[page].own, old, "lost means a new stream");
    finish_without_a_loss(&mut w);
}

#[test]
fn n27_the_lease_of_a_killed_page_ends_and_not_before() {
    let (mut w, page, other) = leased();
    let old = w.pages[page].own;
    w.kill(page);
    assert_eq!(w.look(other), 0, "nobody can tell that it is dead");
    w.run(2 * LEASE);
    assert_eq!(w.look(other) + usize::from(w.locks.holder(old) == Some(other)), 1);
    finish_without_a_loss(&mut w);
}

#[test]
fn n28_a_clock_that_goes_forward_a_week_ends_the_leases_of_living_pages() {
    let (mut w, page, other) = leased();
    let old = w.pages[page].own;
    w.set_clock(7 * 24 * 3_600_000);
    assert!(w.look(other) > 0, "taken from a page that lives");
    task(&mut w, page, 2);
    assert_ne!(w.pages[page].own, old);
    finish_without_a_loss(&mut w);
}

#[test]
fn n29_the_wasm_never_comes_over_many_visits() {
    let mut w = world();
    for _ in 0..10 {
        let page = w.open_plain();
        w.track_plain(page, 5, 120);
        w.run(3 * SECOND);
        w.weather = down();
        w.track_plain(page, 2, 120);
        w.kill_plain(page);
        w.run(30 * SECOND);
        w.weather = Weather::default();
    }
    let page = w.open_plain();
    w.run(600 * SECOND);
    assert!(w.storage.streams().is_empty(), "page {page} has delivered it all");
    finish_without_a_loss(&mut w);
}

#[test]
fn n30_a_page_without_wasm_is_killed_and_one_with_it_adopts_and_the_other_way_round() {
    let mut w = world();
    w.weather = down();
    let (plain, page) = (w.open_plain(), w.open());
    w.track_plain(plain, 3, 120);
    task(&mut w, page, 3);
    w.kill_plain(plain);
    w.run(60 * SECOND);
    assert!(w.storage.streams().iter().all(|id| w.locks.holder(*id) == Some(page)));
    w.kill(page);
    w.weather = Weather::default();
    w.open_plain();
    w.run(60 * SECOND);
    assert!(w.storage.local.values.is_empty());
    finish_without_a_loss(&mut w);
}
