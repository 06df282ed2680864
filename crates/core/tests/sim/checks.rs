//! The world heals, and everything must drain: stored once, or counted.

use crate::network::Weather;
use crate::page::Life;
use crate::trace::name;
use crate::world::{DAY, SECOND, World};
use beaconry_core::{Fate, Link, Ranges, StreamId};

/// Retry-After holds a day at most, refused keys some hours: after that everything has been tried.
const LONGEST_HEALING: u64 = 3 * DAY;

/// Everything works from here on. One tab more comes, so that somebody adopts.
pub fn heal(world: &mut World) {
    world.say(|| "the world heals".to_owned());
    world.weather = Weather::default();
    world.storage.is_blocked = false;
    world.storage.quota = None;
    world.storage.loses_deletes = false;
    world.collector.is_off = false;
    world.collector_down_until = 0;
    world.storage.off_until = 0;
    for page in 0..world.pages.len() {
        world.pages[page].dies_in = None;
        match world.pages[page].life {
            Life::Gone => world.kill(page),
            Life::Cached => world.page_show(page),
            Life::Frozen => world.resume(page),
            _ => {}
        }
        world.show(page);
        if world.pages[page].runs() {
            let now = world.instant();
            world.handle(page, |pipeline| pipeline.handle_link(now, Link::Online));
            world.drain(page);
        }
    }
    for page in &mut world.plain {
        page.life = if page.is_alive() { Life::Visible } else { Life::Dead };
    }
    world.open();
    let until = world.now + LONGEST_HEALING;
    while !is_quiet(world) {
        assert!(world.now < until, "does not drain: {}", what_is_left(world));
        world.run(20 * SECOND);
    }
    // Late requests still arrive, and must change nothing.
    world.run(3_600 * SECOND);
}

/// Streams that only an adopter can end: every one in the storage that is no running page's own.
fn orphans(world: &World) -> Vec<StreamId> {
    let is_plain = |id: &StreamId| world.plain.iter().any(|page| page.is_alive() && page.own() == *id);
    let is_own =
        |id: &StreamId| world.pages.iter().any(|page| page.is_alive() && page.own == *id) || is_plain(id);
    world.storage.streams().into_iter().filter(|id| !is_own(id)).collect()
}

fn is_quiet(world: &World) -> bool {
    let held: u32 =
        world.pages.iter().filter(|page| page.is_alive()).map(|page| page.pipeline.totals().held()).sum();
    let is_done = world.plain.iter().all(|page| !page.is_alive() || page.is_done());
    held == 0 && is_done && orphans(world).is_empty() && missing(world).is_empty()
}

/// Numbers that nobody has accounted for, though somebody could.
fn missing(world: &World) -> Vec<String> {
    let mut missing = Vec::new();
    for id in world.truth.keys() {
        let numbers = world.unaccounted(*id);
        if !numbers.is_empty() {
            missing.push(format!("{} {numbers:?}", name(*id)));
        }
    }
    missing
}

fn what_is_left(world: &World) -> String {
    let orphans: Vec<_> = orphans(world).into_iter().map(|id| (name(id), world.locks.holder(id))).collect();
    let held: Vec<_> = world
        .pages
        .iter()
        .enumerate()
        .filter(|(_, page)| page.is_alive())
        .flat_map(|(at, page)| {
            page.books().into_iter().map(move |(id, fates)| {
                let held = fates.iter().filter(|(_, fate)| *fate == Fate::Held);
                (at, name(id), held.map(|(range, _)| range).collect::<Vec<_>>())
            })
        })
        .filter(|(.., held)| !held.is_empty())
        .collect();
    format!("missing {:?}, in the storage {orphans:?}, held {held:?}", missing(world))
}

pub fn check(world: &World) {
    world.collector.check();
    let missing = missing(world);
    assert!(missing.is_empty(), "neither stored nor counted: {missing:?}");
    for ((id, number), event) in &world.collector.journal {
        let tracked = world.truth.get(id).and_then(|truth| truth.lines.get(*number as usize));
        assert_eq!(tracked, Some(event), "{}.{number} is not what was tracked", name(*id));
    }
    for (id, truth) in &world.truth {
        let mut made_up = world.collector.told(*id);
        made_up.subtract(&truth.counted);
        made_up.subtract(&world.collector.ever_stored(*id));
        assert!(made_up.is_empty(), "{} {made_up:?} are told as dropped, and nobody dropped them", name(*id));
    }
    for (at, page) in world.pages.iter().enumerate().filter(|(_, page)| page.is_alive()) {
        assert_eq!(page.texts.iter().next(), None, "page {at} keeps a text, and holds nothing");
        for (id, fates) in page.books() {
            let delivered = fates.iter().filter(|(_, fate)| *fate == Fate::Delivered);
            let mut claimed: Ranges = delivered.map(|(range, _)| range).collect();
            claimed.subtract(&world.collector.ever_stored(id));
            assert!(claimed.is_empty(), "page {at} believes that {} {claimed:?} are stored", name(id));
        }
        assert!(page.flights.is_empty(), "page {at} still waits for answers");
        let held: Vec<_> = world.locks.of(at).into_iter().filter(|id| *id != page.own).collect();
        assert!(held.is_empty(), "page {at} keeps the locks of {held:?}");
    }
    check_closed(world);
}

/// A stream that an adopter saw to its end is closed: what is missing of it is lost, not outstanding.
fn check_closed(world: &World) {
    let is_sure = |id: &&StreamId| !world.collector.stale.contains(id) && !world.off.contains(id);
    for id in world.settled.iter().filter(is_sure) {
        let Some(line) = world.collector.line(*id) else { continue };
        assert!(line.closed, "{} was adopted and settled, and is still open", name(*id));
    }
}
