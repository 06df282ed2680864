//! What a seed does to its world.

use crate::network::Weather;
use crate::page::Life;
use crate::rng::Rng;
use crate::world::{DAY, SECOND, World};
use beaconry_core::{Config, Duration, Link, Priority};

/// How far a clock may be off, in ms.
const HOUR: i64 = 3_600_000;
const WEEK: i64 = 7 * 24 * HOUR;

/// How long a chaos lasts, in actions.
const ACTIONS: u64 = 90;

/// What may go wrong in this world, beside network, kills and the collector's crashes, which always may.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Only what may lose nothing: no drop is allowed under any reason.
    pub is_calm: bool,
    storage_fails: bool,
    browser_dies: bool,
    traps: bool,
    is_switched_off: bool,
    sleeps: bool,
    evicts: bool,
    clock_jumps: bool,
    index_is_lost: bool,
    /// Some pages get no wasm.
    is_degraded: bool,
}

impl Plan {
    fn of(rng: &mut Rng) -> Self {
        let is_calm = rng.chance(250);
        let clock_jumps = rng.chance(250);
        // By a clock that jumps, a stream may seem to be of before the index, and is counted as stale.
        let index_is_lost = rng.chance(150) && !(is_calm && clock_jumps);
        let mut may = |often: u64| !is_calm && rng.chance(often);
        Self {
            is_calm,
            storage_fails: may(400),
            browser_dies: may(350),
            traps: may(250),
            is_switched_off: may(40),
            sleeps: may(150),
            evicts: may(250),
            clock_jumps,
            index_is_lost,
            is_degraded: rng.chance(200),
        }
    }
}

pub fn world(seed: u64) -> (World, Plan) {
    let mut rng = Rng::new(seed ^ 0x5eed);
    let plan = Plan::of(&mut rng);
    let config = if plan.is_calm || rng.chance(300) { Config::default() } else { small(&mut rng) };
    let mut world = World::new(seed, config);
    world.storage.has_mirror = rng.chance(500);
    world.locks.are_leases = rng.chance(250);
    world.storage.loses_deletes = rng.chance(300);
    world.tracks_in_writes = rng.pick(&[0, 0, 20]);
    if !plan.is_calm {
        world.poison = rng.pick(&[0, 0, 0, 15]);
        world.collector.limit = rng.pick(&[None, None, None, Some(2_500), Some(6_000)]);
    }
    (world, plan)
}

/// Little memory and small batches, so that everything overflows soon.
fn small(rng: &mut Rng) -> Config {
    Config {
        memory_bytes: rng.between(5_000, 20_000) as u32,
        max_batch_bytes: rng.between(300, 1_500) as u32,
        max_rewritten_bytes: rng.between(200, 300) as u32,
        max_event_bytes: 2_000,
        max_context_bytes: 100,
        max_batch_events: rng.between(2, 12) as u32,
        first_request_bytes: rng.between(1_000, 8_000) as u32,
        max_beacon_bytes: rng.between(2_000, 8_000) as u32,
        flush_bytes: 1_500,
        max_age: Duration::from_secs(rng.pick(&[3_600, 14 * 24 * 3_600])),
        ..Config::default()
    }
}

pub fn wreak(world: &mut World, plan: Plan) {
    world.open();
    for _ in 0..ACTIONS {
        act(world, plan);
        let ms = match world.rng.below(10) {
            0..=3 => 0,
            4..=6 => world.rng.below(SECOND),
            7 | 8 => world.rng.below(15 * SECOND),
            _ => world.rng.below(150 * SECOND),
        };
        world.run(ms);
    }
}

fn act(world: &mut World, plan: Plan) {
    if world.pages.iter().filter(|page| page.is_alive()).count() == 0 {
        return open(world);
    }
    if plan.is_degraded && !world.locks.are_leases && world.rng.chance(250) {
        return plain(world, plan);
    }
    let page = some_page(world);
    match world.rng.below(100) {
        0..=39 => task(world, page, plan),
        40..=44 => world.hide(page),
        45..=51 => world.show(page),
        52..=54 => world.freeze(page),
        55..=58 => world.resume(page),
        59..=62 => leave(world, page),
        63..=67 => world.page_show(page),
        68..=71 => world.kill(page),
        72..=73 => world.pages[page].dies_in = Some(world.rng.below(12)),
        74..=79 => open(world),
        80..=84 => world.weather = Weather::stormy(&mut world.rng),
        85 => world.weather = Weather::default(),
        86 => crate::page::flush(world, page),
        87 => link(world, page),
        88 => world.roll_over(page),
        89..=90 if plan.storage_fails => storage(world),
        91 if plan.browser_dies => {
            let (local, mirror) = (world.rng.below(60 * SECOND), world.rng.below(SECOND));
            world.kill_browser(local, mirror);
        }
        92..=93 if plan.traps => world.trap(page),
        94 if plan.is_switched_off => world.collector.is_off = true,
        95 if plan.sleeps => {
            let ms = world.rng.pick(&[DAY, 3 * DAY, 13 * DAY, 34 * DAY, 40 * DAY]);
            world.run(ms);
        }
        96..=97 if plan.evicts => world.evict(page),
        98 if plan.clock_jumps => {
            let error = world.rng.pick(&[0, -HOUR, WEEK]);
            world.set_clock(error);
        }
        99 if plan.index_is_lost => {
            let days = if plan.is_calm { u64::MAX } else { world.rng.pick(&[u64::MAX, 10, 1]) };
            world.say(|| format!("the index is lost, and all but {days} days of the journal"));
            world.collector.lose_index(days);
            world.reach("the index was lost");
        }
        _ => task(world, page, plan),
    }
}

/// What happens to a page without wasm.
fn plain(world: &mut World, plan: Plan) {
    let alive: Vec<_> = (0..world.plain.len()).filter(|page| world.plain[*page].is_alive()).collect();
    if alive.is_empty() || (alive.len() < 3 && world.rng.chance(100)) {
        if !world.is_off() {
            world.open_plain();
        }
        return;
    }
    let page = world.rng.pick(&alive);
    let largest = if plan.is_calm { 400 } else { 2_300 };
    match world.rng.below(20) {
        0 => world.close_plain(page),
        1 => world.kill_plain(page),
        2..=4 => world.hide_plain(page),
        _ => {
            let events = world.rng.pick(&[1, 1, 2, 5, 12]);
            let bytes = world.rng.pick(&[70, 200, largest]);
            world.track_plain(page, events, bytes);
        }
    }
}

fn some_page(world: &mut World) -> usize {
    let alive: Vec<_> = (0..world.pages.len()).filter(|page| world.pages[*page].is_alive()).collect();
    world.rng.pick(&alive)
}

fn open(world: &mut World) {
    let alive = world.pages.iter().filter(|page| page.is_alive()).count();
    if alive < 4 && !world.is_off() {
        world.open();
    }
}

/// Some events in one task of a page; it may die within it.
fn task(world: &mut World, page: usize, plan: Plan) {
    if !world.pages[page].can_track() {
        return;
    }
    if world.pages[page].life == Life::Gone {
        return world.track_after_pagehide(page);
    }
    if world.rng.chance(100) {
        let members = world.rng.pick(&["", r#""page":"/a""#, r#""page":"/b","user":"u""#]);
        world.set_context(page, members);
    }
    let events = world.rng.pick(&[1, 1, 1, 2, 3, 8, 20]);
    for _ in 0..events {
        let largest = if plan.is_calm { 900 } else { 2_300 };
        let bytes = world.rng.pick(&[70, 90, 120, 200, 400, largest]);
        let priority = world.rng.pick(&[Priority::Low, Priority::Normal, Priority::Normal, Priority::High]);
        world.track(page, bytes, priority);
        if !world.pages[page].can_track() {
            return;
        }
        if plan.traps && world.rng.chance(10) {
            world.trap(page);
        }
    }
    world.drain(page);
}

/// A navigation: into the back/forward cache, or to the end.
fn leave(world: &mut World, page: usize) {
    world.page_hide(page);
    for _ in 0..world.rng.below(3) {
        world.track_after_pagehide(page);
    }
    if world.rng.chance(600) {
        world.cache(page);
    } else {
        world.kill(page);
    }
}

fn link(world: &mut World, page: usize) {
    if world.pages[page].runs() {
        world.keep_leases(page);
        let link = world.rng.pick(&[Link::Online, Link::Offline]);
        let now = world.instant();
        world.handle(page, |pipeline| pipeline.handle_link(now, link));
        world.drain(page);
    }
}

fn storage(world: &mut World) {
    match world.rng.below(4) {
        0 => world.storage.is_blocked = true,
        1 => {
            let quota = world.rng.between(0, 12_000) as usize;
            world.storage.squeeze(quota);
        }
        _ => {
            world.storage.is_blocked = false;
            world.storage.quota = None;
        }
    }
    world.say(|| "the storage changes its mind".to_owned());
}
