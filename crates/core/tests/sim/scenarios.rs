//! The interleavings that DESIGN.md lists, each by name, in worlds without chance but for the hours of delivery. What a core
//! alone cannot show, such as the mirror in IndexedDB, is played by the model.

use crate::checks;
use crate::collector::{Mishap, Response};
use crate::network::Weather;
use crate::page::Life;
use crate::world::{DAY, SECOND, Script, World};
use beaconry_core::{Config, Number, Output, Pipeline, Priority, Range, Ranges, Reason, StreamId};

pub fn world() -> World {
    world_of(Config::default())
}

fn world_of(config: Config) -> World {
    let mut world = World::new(1, config);
    world.storage.has_mirror = true;
    world
}

/// One task of so many events.
pub fn task(world: &mut World, page: usize, events: usize) {
    for _ in 0..events {
        world.track(page, 120, Priority::Normal);
    }
    world.drain(page);
}

pub fn down() -> Weather {
    Weather { is_down: true, ..Weather::default() }
}

pub fn to(end: Number) -> Ranges {
    Range::new(0, end).map(Ranges::from).unwrap_or_default()
}

pub fn finish(world: &mut World) {
    checks::heal(world);
    checks::check(world);
}

/// Everything that was tracked is stored, and no page believed otherwise.
pub fn finish_without_a_loss(world: &mut World) {
    finish(world);
    assert!(world.reasons.is_empty(), "dropped: {:?}", world.reasons);
    for id in world.truth.keys() {
        assert_eq!(world.collector.ever_stored(*id), world.given(*id));
    }
}

pub fn told(world: &World, id: StreamId, reason: Reason) -> Ranges {
    world.collector.line(id).map(|line| line.dropped.get(reason).clone()).unwrap_or_default()
}

#[test]
fn n01_hidden_beacon_shown_again_one_more_event_resend() {
    let mut w = world();
    let page = w.open();
    task(&mut w, page, 3);
    w.weather = Weather { lose: 1000, ..Weather::default() };
    w.hide(page);
    w.run(SECOND);
    w.show(page);
    w.weather = Weather::default();
    task(&mut w, page, 1);
    w.run(60 * SECOND);
    assert_eq!(w.collector.stored(w.pages[page].own), to(4), "the lost beacon was sent again");
    finish_without_a_loss(&mut w);
}

#[test]
fn n02_back_forward_cache_adopted_by_another_tab_shown_again() {
    let mut w = world();
    let (page, other) = (w.open(), w.open());
    let old = w.pages[page].own;
    w.weather = down();
    task(&mut w, page, 3);
    w.cache(page);
    w.run(60 * SECOND);
    w.weather = Weather::default();
    w.run(600 * SECOND);
    assert!(w.settled.contains(&old), "page {other} adopted it");
    w.page_show(page);
    task(&mut w, page, 2);
    finish_without_a_loss(&mut w);
}

#[test]
fn n03_a_page_tracks_before_its_lock_is_granted_and_another_tab_looks() {
    let mut w = world();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 2);
    assert_eq!(w.locks.holder(own), None, "not granted yet");
    let other = w.open();
    assert_eq!(w.look(other), 0, "too young to be dead");
    w.run(9 * SECOND);
    assert_eq!(w.locks.holder(own), Some(page));
    finish_without_a_loss(&mut w);
}

#[test]
fn n04_collector_killed_after_two_and_a_half_of_five_lines_then_the_resend() {
    let mut w = world();
    let page = w.open();
    task(&mut w, page, 5);
    w.script.push_back(Script::Collector(Mishap::CrashBefore { kept: 2, delivery: false }));
    w.run(6 * SECOND);
    let own = w.pages[page].own;
    assert_eq!(w.collector.stored(own), to(2));
    finish_without_a_loss(&mut w);
    assert_eq!(w.collector.stored(own), to(5));
}

#[test]
fn n05_the_same_batch_by_beacon_and_by_fetch_and_the_fsync_fails() {
    let mut w = world();
    let page = w.open();
    task(&mut w, page, 3);
    for _ in 0..2 {
        w.script.push_back(Script::Collector(Mishap::FsyncFails));
    }
    crate::page::flush(&mut w, page);
    w.hide(page);
    w.run(2 * SECOND);
    assert_eq!(w.received, 2, "by fetch, and by beacon while the fetch is in the air");
    assert!(w.collector.journal.is_empty());
    finish_without_a_loss(&mut w);
}

#[test]
fn n06a_stored_and_the_answer_cut_then_evicted_is_shown_as_stored() {
    let mut w = world();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    w.weather = Weather { cut: 1000, ..Weather::default() };
    w.run(8 * SECOND);
    assert_eq!(w.collector.stored(own), to(3));
    w.weather = down();
    w.kill(page);
    w.run(10 * SECOND);
    let other = w.open();
    w.evict(other);
    assert!(w.reasons.contains(&Reason::Full), "counted: nobody has it any more");
    finish(&mut w);
    let mut lost = told(&w, own, Reason::Full);
    lost.subtract(&w.collector.stored(own));
    assert!(lost.is_empty(), "stored wins over dropped");
}

#[test]
fn n06b_evicted_and_counted_then_back_after_a_rollback_is_delivered() {
    let mut w = world();
    w.storage.has_mirror = false;
    w.weather = down();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    w.kill(page);
    w.run(60 * SECOND);
    let other = w.open();
    w.evict(other);
    w.weather = Weather::default();
    w.run(600 * SECOND);
    assert_eq!(told(&w, own, Reason::Full), to(3), "counted and told");
    w.kill_browser(610 * SECOND, 0);
    finish(&mut w);
    assert_eq!(w.collector.stored(own), to(3), "stored wins over dropped");
}

#[test]
fn n07_memory_full_while_offline_and_the_tab_closed_the_adopter_reports_the_drops() {
    let mut w = world_of(Config {
        memory_bytes: 8_000,
        max_batch_bytes: 600,
        max_event_bytes: 1_000,
        max_context_bytes: 100,
        ..Config::default()
    });
    w.weather = down();
    w.storage.quota = Some(2_000);
    let page = w.open();
    let own = w.pages[page].own;
    for _ in 0..40 {
        task(&mut w, page, 3);
    }
    assert!(w.reasons.contains(&Reason::Full));
    let counted = w.truth[&own].counted.clone();
    w.kill(page);
    finish(&mut w);
    let mut untold = counted;
    untold.subtract(&told(&w, own, Reason::Full));
    untold.subtract(&w.truth[&own].excused);
    assert!(untold.is_empty(), "{untold:?} were dropped and not reported");
    assert!(!told(&w, own, Reason::Full).is_empty());
}

#[test]
fn n08_erased_but_the_mirrors_delete_was_lost_and_it_is_back_five_weeks_later() {
    let mut w = world();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    let key = (own, 1);
    let value = w.storage.read(key).cloned();
    w.run(10 * SECOND);
    assert!(w.storage.read(key).is_none(), "acknowledged and erased");
    w.storage.mirror.set(w.now, key, value);
    w.kill(page);
    w.run(36 * DAY);
    finish(&mut w);
    assert!(w.collector.stale.contains(&own), "refused, and not stored again");
    assert!(!w.storage.streams().contains(&own));
}

#[test]
fn n09_a_200_with_html_is_no_answer() {
    let mut w = world();
    let page = w.open();
    task(&mut w, page, 3);
    w.script.push_back(Script::Instead(Response::new(200, "<!doctype html><title>Sign in</title>")));
    while w.received == 0 || !w.pages[page].flights.is_empty() {
        w.run(10);
    }
    assert_eq!(w.received, 1);
    assert_eq!(w.pages[page].pipeline.totals().held(), 3);
    finish_without_a_loss(&mut w);
}

#[test]
fn n10_key_rotated_for_an_hour() {
    let mut w = world();
    let page = w.open();
    w.weather = Weather { is_denied: true, ..Weather::default() };
    for _ in 0..60 {
        task(&mut w, page, 1);
        w.run(60 * SECOND);
    }
    assert!((2..10).contains(&w.received), "asks rarely: {} times", w.received);
    w.weather = Weather::default();
    w.run(4 * 3600 * SECOND);
    assert_eq!(w.collector.stored(w.pages[page].own), to(60), "a mended key is found");
    finish_without_a_loss(&mut w);
}

#[test]
fn n11_two_clients_of_different_keys_on_one_origin() {
    let mut w = world();
    let (one, two) = (w.open_in(0), w.open_in(1));
    w.weather = down();
    task(&mut w, one, 3);
    task(&mut w, two, 3);
    let lost = w.pages[two].own;
    w.kill(two);
    w.weather = Weather::default();
    w.run(3600 * SECOND);
    assert!(!w.settled.contains(&lost), "the other client does not touch it");
    w.open_in(1);
    w.run(60 * SECOND);
    assert!(w.settled.contains(&lost), "its own does");
    finish_without_a_loss(&mut w);
}

#[test]
fn n12_switched_off_in_one_tab_and_a_stale_tab_writes_again() {
    let mut w = world();
    let (page, stale) = (w.open(), w.open());
    w.run(5 * SECOND);
    w.freeze(stale);
    w.collector.is_off = true;
    task(&mut w, page, 2);
    w.run(6 * SECOND);
    assert_eq!(w.pages[page].life, Life::Dead);
    assert!(w.is_off());
    w.resume(stale);
    w.show(stale);
    task(&mut w, stale, 2);
    assert!(!w.storage.streams().is_empty(), "it does not know yet");
    w.run(6 * SECOND);
    assert_eq!(w.pages[stale].life, Life::Dead);
    assert!(w.storage.streams().is_empty(), "nothing is left behind");
    assert!(w.reasons.iter().all(|reason| *reason == Reason::Off));
    assert!(w.collector.journal.is_empty());
}

#[test]
fn n13_restore_of_a_mebibyte_with_a_small_memory_budget_drops_nothing() {
    let mut w = world();
    let page = w.open();
    w.weather = down();
    for _ in 0..300 {
        w.track(page, 3_600, Priority::Normal);
        w.drain(page);
    }
    w.kill(page);
    w.config.memory_bytes = 100_000;
    w.run(20 * SECOND);
    w.weather = Weather::default();
    finish_without_a_loss(&mut w);
}

#[test]
fn n14_two_tabs_evict_at_the_same_time() {
    let mut w = world();
    let (one, two) = (w.open(), w.open());
    w.run(5 * SECOND);
    w.weather = down();
    task(&mut w, one, 3);
    task(&mut w, two, 3);
    let (now, foreign) = (w.instant(), w.pages[one].own);
    let foreign = w.pages[two].key(foreign);
    // What it does not hold, it does not count.
    w.handle(two, |pipeline| pipeline.count_dropped(now, foreign, Reason::Full, Range::new(0, 3).unwrap()));
    w.drain(two);
    w.evict(one);
    w.evict(two);
    finish_without_a_loss(&mut w);
}

/// The storage is full while both write: each gives up its own oldest, never an error, and nothing of the other's.
#[test]
fn n14b_two_tabs_fill_the_storage_and_evict_at_the_same_time() {
    let mut w = world_of(Config { max_batch_bytes: 1_000, ..Config::default() });
    w.weather = down();
    w.storage.quota = Some(12_000);
    let (one, two) = (w.open(), w.open());
    w.run(5 * SECOND);
    for page in [one, two] {
        w.track(page, 120, Priority::High);
    }
    w.run(5 * SECOND); // both hear that nobody is there
    for _ in 0..20 {
        task(&mut w, one, 5);
        task(&mut w, two, 5);
    }
    for page in [one, two] {
        let own = w.pages[page].own;
        let stored: Ranges = w.storage.batches(own).into_iter().collect();
        assert!(!w.truth[&own].counted.is_empty() && !w.truth[&own].counted.contains(0));
        assert_eq!(stored.end(), w.given(own).end(), "the newest is stored");
        w.kill(page);
    }
    finish(&mut w);
    for page in [one, two] {
        let own = w.pages[page].own;
        assert!(w.truth[&own].excused.is_empty(), "every drop was told, over the death of the page");
        assert_eq!(told(&w, own, Reason::Full), w.truth[&own].counted);
    }
}

#[test]
fn n15_a_tab_open_for_forty_days() {
    let mut w = world();
    let page = w.open();
    for _ in 0..40 {
        task(&mut w, page, 2);
        w.run(DAY);
    }
    assert!(w.truth.len() >= 40, "a stream a day");
    assert!(w.collector.stale.is_empty());
    finish_without_a_loss(&mut w);
}

#[test]
fn n16_a_vital_tracked_after_pagehide() {
    let mut w = world();
    let page = w.open();
    task(&mut w, page, 1);
    w.page_hide(page);
    let first = w.pages[page].own;
    w.track_after_pagehide(page);
    w.kill(page);
    let second = w.pages[page].own;
    assert_ne!(first, second, "another stream");
    w.run(SECOND);
    assert_eq!(w.collector.stored(first), to(1), "by a beacon");
    assert_eq!(w.collector.stored(second), to(1), "by a beacon");
    assert!(w.collector.line(first).is_some_and(|line| line.closed));
    finish_without_a_loss(&mut w);
}

#[test]
fn n17_a_trap_after_the_write_and_before_the_facade_heard() {
    let mut w = world();
    let page = w.open();
    task(&mut w, page, 2);
    w.track(page, 120, Priority::Normal);
    w.track(page, 120, Priority::Normal);
    loop {
        let output = w.handle(page, Pipeline::poll_output);
        let is_written = matches!(output, Output::Persist { range, .. } if range.start() == 0);
        w.carry_out(page, output);
        if is_written {
            break;
        }
    }
    w.trap(page);
    task(&mut w, page, 1);
    finish_without_a_loss(&mut w);
    assert_eq!(w.collector.stored(w.pages[page].own), to(5));
}

#[test]
fn n18_a_late_beacon_of_an_adopted_stream() {
    let mut w = world();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    w.weather = Weather { late: 1000, ..Weather::default() };
    w.hide(page);
    w.weather = Weather::default();
    w.kill(page);
    w.run(11 * SECOND);
    w.open();
    w.run(10 * SECOND);
    assert!(w.settled.contains(&own));
    let (received, before) = (w.received, w.collector.line(own).cloned());
    assert!(before.as_ref().is_some_and(|line| line.closed));
    w.run(3600 * SECOND);
    assert!(w.received > received, "the beacon came late");
    assert_eq!(w.collector.line(own).cloned(), before, "a line without `closed` replaces nothing");
    assert_eq!(w.collector.stored(own), to(3));
    finish_without_a_loss(&mut w);
}

#[test]
fn n19_a_batch_without_its_stream_line() {
    let mut w = world();
    w.weather = down();
    let page = w.open();
    let own = w.pages[page].own;
    task(&mut w, page, 3);
    w.kill(page);
    w.storage.local.set(w.now, (own, 0), None);
    w.storage.mirror.set(w.now, (own, 0), None);
    finish_without_a_loss(&mut w);
    assert!(w.collector.line(own).is_some_and(|line| line.closed && line.tracked == 3));
}
