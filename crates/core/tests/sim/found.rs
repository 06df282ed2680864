//! What seeds have found, kept by name.

use crate::scenarios::{down, finish, finish_without_a_loss, task, told, world};
use crate::world::{SECOND, World};
use beaconry_core::{Priority, Range, Ranges, Reason, StreamId};

#[test]
fn evicted_while_the_batch_grows_and_then_left() {
    let mut w = world();
    let page = w.open();
    w.run(5 * SECOND);
    w.weather = down();
    task(&mut w, page, 1);
    w.evict(page);
    w.roll_over(page);
    finish_without_a_loss(&mut w);
}

/// A page that could write nothing: three events in memory, and the fourth counted as too large, which nobody has heard.
fn untold_drop() -> (World, usize, StreamId) {
    let mut w = world();
    w.storage.is_blocked = true;
    w.weather = down();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    w.track(page, 40_000, Priority::Normal);
    w.drain(page);
    (w, page, own)
}

/// The texts survive a trap; the loss that only the instance knew is counted anew.
fn finish_after_a_trap(w: &mut World, own: StreamId) {
    finish(w);
    assert_eq!(told(w, own, Reason::Trap), Ranges::from(Range::new(3, 4).unwrap()));
    let mut all = w.given(own);
    all.remove(Range::new(3, 4).unwrap());
    assert_eq!(w.collector.stored(own), all);
}

#[test]
fn a_trapped_stream_that_is_left_before_its_first_answer() {
    let (mut w, page, own) = untold_drop();
    w.trap(page);
    task(&mut w, page, 1);
    w.cache(page);
    w.page_show(page);
    finish_after_a_trap(&mut w, own);
}

#[test]
fn a_stream_that_is_left_before_the_trap() {
    let (mut w, page, own) = untold_drop();
    w.roll_over(page);
    task(&mut w, page, 2);
    w.trap(page);
    finish_after_a_trap(&mut w, own);
}

#[test]
fn a_trapped_stream_that_is_adopted_again_and_given_back_before_its_first_answer() {
    let (mut w, page, own) = untold_drop();
    w.trap(page);
    w.cache(page);
    w.page_show(page);
    w.run(60 * SECOND);
    w.storage.is_blocked = false;
    w.cache(page);
    w.page_show(page);
    finish_after_a_trap(&mut w, own);
}

#[test]
fn a_trapped_page_that_tracks_nothing_more_asks_all_the_same() {
    let (mut w, page, own) = untold_drop();
    w.trap(page);
    finish_after_a_trap(&mut w, own);
}
