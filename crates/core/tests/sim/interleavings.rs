//! The interleavings from 20 on, as in `scenarios`: clocks, the mirror, leases, pages without wasm, a lost index.

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
