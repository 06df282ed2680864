//! Hidden, left, come back, disposed.

use crate::support::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn hidden_sends_a_beacon_and_keeps_the_batch_until_an_answer() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let time = Time::fake();
    let app = App::start("hidden", "");
    app.track();
    let hidden = hide_page();
    fire_on_document("visibilitychange");
    assert_eq!(collector.beacons(), 1, "the beacon goes within the event");
    assert!(stored("hidden").contains(&format!("{}:0", app.stream())), "a beacon proves nothing");

    drop(hidden);
    fire_on_document("visibilitychange");
    time.advance(4_000).await;
    until("the page asks what became of it", || app.count("delivered") == 1).await;
    assert!(!stored("hidden").contains(&format!("{}:0", app.stream())));
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_refused_beacon_is_halved_and_what_does_not_fit_stays_stored() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    collector.take_beacons_of(18_000);
    let app = App::start("refused", r#","limits":{"flushAfter":60000}"#);
    for _ in 0..440 {
        app.track(); // some 26 KB of 60 bytes each: below what is sent soon
    }
    fire_on_window("beforeunload", None);
    assert!(!collector.refused_beacons().is_empty());
    assert!(collector.beacons() > 0, "refused: {:?}", collector.refused_beacons());
    assert!(collector.stored(None) > 0);
    assert_eq!(app.count("held"), 440);
    settle().await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn every_way_out_sends_what_is_held() {
    empty_storage();
    for (kind, name) in [("beforeunload", "leaving"), ("pagehide", "gone")] {
        let collector = Collector::start(Mode::Accept);
        let app = App::start(name, "");
        app.track();
        fire_on_window(kind, (kind == "pagehide").then_some(false));
        assert_eq!(collector.beacons(), 1, "{kind}");
        assert_eq!(collector.stored(None), 1);
        app.check_books();
    }
}

#[wasm_bindgen_test]
async fn after_pagehide_the_stream_is_closed_unlocked_and_another_begins() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let app = App::start("vital", "");
    app.track();
    settle().await;
    let first = app.stream();
    assert!(held_locks().await.contains(&first));
    let _hidden = hide_page();
    fire_on_window("pagehide", Some(true));
    settle().await;
    assert!(!held_locks().await.contains(&first), "a held lock keeps the page out of the back/forward cache");
    assert!(collector.received().pop().unwrap().line.closed);

    app.track(); // a web vital
    settle().await;
    let second = app.stream();
    assert_ne!(first, second);
    assert!(!held_locks().await.contains(&second));
    assert_eq!(collector.stored(None), 2, "while hidden every drain ends in a send");
    app.check_books();
}

/// A download, a dialog. Firefox decides with `beforeunload` whether its cache takes the page.
#[wasm_bindgen_test]
async fn who_stays_after_beforeunload_begins_a_stream_with_a_lock() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    collector.take_beacons_of(0);
    let time = Time::fake();
    let app = App::start("stays", "");
    app.track();
    settle().await;
    let first = app.stream();
    fire_on_window("beforeunload", None);
    settle().await;
    assert!(!held_locks().await.contains(&first));
    app.track();
    settle().await;
    let meanwhile = app.stream();
    assert!(!held_locks().await.contains(&meanwhile), "the page may be about to go");

    collector.set(Mode::Accept);
    time.advance(5_000).await;
    app.track();
    settle().await;
    let last = app.stream();
    assert!(first != meanwhile && meanwhile != last);
    assert!(held_locks().await.contains(&last));
    time.until("all three arrive", || collector.stored(None) == 3).await;
    let is_left = |key: &String| key.contains(&first) || key.contains(&meanwhile);
    time.until("what this page left is erased", || !stored("stays").iter().any(is_left)).await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn beforeunload_gives_the_lock_back_for_firefox_looks_before_pagehide() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    let time = Time::fake();
    let app = App::start("early", "");
    app.track();
    settle().await;
    let first = app.stream();
    assert!(held_locks().await.contains(&first));
    fire_on_window("beforeunload", None);
    settle().await;
    assert!(!held_locks().await.contains(&first));
    assert!(collector.received().pop().unwrap().line.closed);

    app.track(); // while the next page is on its way
    settle().await;
    let second = app.stream();
    assert_ne!(first, second, "a number of a closed stream");
    assert!(!held_locks().await.contains(&second), "it would keep the page out of the cache");

    fire_on_window("pagehide", Some(true));
    time.advance(60_000).await; // as a page that is back for so long and has not heard of it
    settle().await;
    assert!(!held_locks().await.contains(&prefix("early")), "nothing but pageshow takes a lock");
    app.check_books();
}

#[wasm_bindgen_test]
async fn what_another_delivers_while_a_page_is_asked_whether_to_leave_is_not_lost() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    collector.take_beacons_of(0);
    let time = Time::fake();
    let app = App::start("asked", "");
    for _ in 0..3 {
        app.track();
    }
    time.advance(11_000).await;
    let first = app.stream();
    fire_on_window("beforeunload", None);

    // A dialog stops this page's tasks; the other tab is as fast as it likes.
    let other = App::start("asked", "");
    collector.set(Mode::Accept);
    until("the other tab has adopted and erased it", || {
        collector.stored(None) == 3 && !stored("asked").iter().any(|key| key.contains(&first))
    })
    .await;

    collector.take_beacons_of(65_536);
    fire_on_window("beforeunload", None); // asked once more
    app.track();
    time.until("what comes after is sent", || collector.stored(None) == 4).await;
    time.until("nothing is kept", || app.count("held") + other.count("held") == 0).await;
    for app in [&app, &other] {
        assert_eq!(app.dropped("storage"), 0, "it is delivered");
        app.check_books();
    }
}

#[wasm_bindgen_test]
async fn back_from_the_cache_begins_a_stream_and_adopts_the_old() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    collector.take_beacons_of(0);
    let time = Time::fake();
    let app = App::start("back", "");
    app.track();
    time.advance(11_000).await;
    let first = app.stream();
    fire_on_window("pagehide", Some(true));
    collector.set(Mode::Accept);
    fire_on_window("pageshow", Some(true));
    app.track();
    settle().await;
    assert_ne!(app.stream(), first);
    assert!(held_locks().await.contains(&app.stream()));
    time.until("both streams arrive", || collector.stored(None) == 2).await;
    until("the old one is erased", || !stored("back").iter().any(|key| key.contains(&first))).await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_stream_that_was_adopted_while_its_page_was_in_the_cache_is_stored_once() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    collector.take_beacons_of(0);
    let time = Time::fake();
    let app = App::start("cached", "");
    for _ in 0..3 {
        app.track();
    }
    settle().await;
    let full = fill_storage();
    app.track(); // in the page's memory alone
    settle().await;
    drop(full);
    time.advance(11_000).await;
    let old = app.stream();
    fire_on_window("pagehide", Some(true));

    let other = App::start("cached", "");
    collector.set(Mode::Accept);
    time.until("another tab has adopted what is stored", || collector.stored(None) == 3).await;
    until("and erased it", || !stored("cached").iter().any(|key| key.contains(&old))).await;

    fire_on_window("pageshow", Some(true));
    app.track();
    time.until("the rest is sent by who has it", || collector.stored(None) == 5).await;
    let sent = collector.received().into_iter().flat_map(|it| {
        let stream = it.line.stream;
        it.batches.into_iter().map(move |(first, _, lines)| (stream, first, lines.len()))
    });
    let (mut all, count): (Vec<_>, usize) = (sent.clone().collect(), sent.count());
    all.sort_unstable();
    all.dedup();
    // Before the answers nothing was heard; what was acknowledged is not sent again.
    assert!(count >= all.len() && app.count("held") == 0, "{all:?}");
    for app in [&app, &other] {
        assert_eq!(app.dropped("storage") + app.dropped("full"), 0);
        app.check_books();
    }
}

#[wasm_bindgen_test]
async fn dispose_leaves_no_listener_timer_or_lock() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    let time = Time::fake();
    let listeners = ListenerCount::start();
    let stream;
    {
        let app = App::start("dispose", "");
        app.track();
        settle().await;
        stream = app.stream();
        assert!(listeners.live() > 0 && time.pending() > 0 && held_locks().await.contains(&stream));
        assert!(!listeners.kinds().split(' ').any(|kind| kind == "unload"), "unload costs the cache");
        let flush = app.client.flush(&json("{}"));
        app.client.dispose();
        flush.await.unwrap(); // resolves although nobody answers

        assert_eq!(listeners.live(), 0);
        assert_eq!(time.pending(), 0);
        settle().await;
        assert!(!held_locks().await.contains(&stream));
        assert!(
            stored("dispose").contains(&format!("{stream}:0")),
            "what was not delivered stays for the next page"
        );

        let requests = collector.requests();
        app.track();
        app.client.dispose();
        time.advance(60_000).await;
        assert_eq!(collector.requests(), requests, "disposed, and yet it sends");
    }
}

#[wasm_bindgen_test]
async fn the_first_event_of_another_day_is_stored_with_its_task() {
    empty_storage();
    let time = Time::fake();
    let collector = Collector::start(Mode::Accept);
    let app = App::start("day", "");
    app.track();
    time.advance(6_000).await;
    until("delivered", || app.count("delivered") == 1).await;
    let yesterday = app.stream();
    for _ in 0..25 {
        time.advance(60 * 60 * 1000).await;
    }

    app.track();
    settle().await;
    assert_ne!(app.stream(), yesterday);
    assert!(stored("day").contains(&format!("{}:0", app.stream())), "{:?}", stored("day"));
    time.advance(6_000).await;
    until("delivered too", || app.count("delivered") == 2).await;
    assert_eq!(collector.stored(None), 2);
    app.check_books();
}
