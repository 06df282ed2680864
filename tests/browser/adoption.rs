//! Streams of pages that are gone.

use crate::support::*;
use wasm_bindgen_test::wasm_bindgen_test;

const MINUTE: f64 = 60_000.0;
const DAY: f64 = 24.0 * 60.0 * MINUTE;

#[wasm_bindgen_test]
async fn a_dead_streams_events_are_delivered_under_their_own_ids() {
    empty_storage();
    let stream = dead_stream(MINUTE, 1);
    store_batch("dead", stream, 0, 2);
    store_batch("dead", stream, 2, 3);
    let collector = Collector::start(Mode::Accept);
    let app = App::start("dead", "");

    until("the dead page's events arrive", || collector.stored(Some(stream)) == 5).await;
    until("nothing is left", || stored("dead").iter().all(|key| !key.contains(stream.to_text().as_str())))
        .await;
    let received = collector.received();
    let asked = received.iter().find(|it| it.line.stream == stream).unwrap();
    assert!(asked.batches.is_empty(), "it asks before it sends: most of it is usually there");
    assert!(asked.line.closed && asked.line.tracked == 5, "{:?}", asked.line);
    assert_eq!(app.count("delivered"), 5);
    app.check_books();
    settle().await;
    assert!(!held_locks().await.contains(stream.to_text().as_str()), "the lock of a settled stream is held");
}

#[wasm_bindgen_test]
async fn what_another_page_holds_is_left_alone() {
    empty_storage();
    let (live, young) = (dead_stream(MINUTE, 2), dead_stream(1_000.0, 3));
    let kept = [store_batch("alive", live, 0, 1), store_batch("alive", young, 0, 1)];
    let foreign = store_batch("another app", dead_stream(MINUTE, 4), 0, 1);
    let lock = lock(&format!("{}{}", prefix("alive"), live.to_text().as_str())).await;
    let time = Time::fake();
    let collector = Collector::start(Mode::Accept);
    let _app = App::start("alive", "");
    settle().await;
    assert_eq!(collector.requests(), 0);
    assert!(kept.iter().all(|key| stored_value(key).is_some()));

    // The other page dies; the young stream grows up.
    drop(lock);
    time.until("both are adopted", || collector.stored(Some(live)) + collector.stored(Some(young)) == 2)
        .await;
    assert!(stored_value(&foreign).is_some(), "a foreign scope was touched");
    assert_eq!(collector.stored(None), 2);
}

#[wasm_bindgen_test]
async fn a_dead_stream_behind_many_living_tabs_has_its_turn() {
    empty_storage();
    let mut locks = Vec::new();
    for tab in 20..32 {
        let living = dead_stream(2.0 * MINUTE, tab);
        store_batch("crowd", living, 0, 1);
        locks.push(lock(&format!("{}{}", prefix("crowd"), living.to_text().as_str())).await);
    }
    let dead = dead_stream(MINUTE, 32);
    store_batch("crowd", dead, 0, 1);
    let time = Time::fake();
    let collector = Collector::start(Mode::Accept);
    let _app = App::start("crowd", "");
    time.until("the dead one is adopted", || collector.stored(Some(dead)) == 1).await;
    assert_eq!(collector.stored(None), 1, "a living tab's stream was taken");
}

#[wasm_bindgen_test]
async fn streams_of_any_scope_go_after_35_days() {
    empty_storage();
    let old = store_batch("somebody", dead_stream(36.0 * DAY, 5), 0, 1);
    let kept = store_batch("somebody", dead_stream(34.0 * DAY, 6), 0, 1);
    let _collector = Collector::start(Mode::Accept);
    let _app = App::start("sweeper", "");
    settle().await;
    assert!(stored_value(&old).is_none());
    assert!(stored_value(&kept).is_some());
}

#[wasm_bindgen_test]
async fn a_reload_while_offline_loses_nothing() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    let time = Time::fake();
    let before = App::start("reload", "");
    before.track();
    before.track();
    settle().await;
    drop(before);
    assert_eq!(collector.stored(None), 0);

    collector.set(Mode::Accept);
    let after = App::start("reload", "");
    time.until("the first page's events arrive", || collector.stored(None) == 2).await;
    after.check_books();
}

#[wasm_bindgen_test]
async fn an_unreadable_value_is_counted_and_spoils_nothing_else() {
    empty_storage();
    let stream = dead_stream(MINUTE, 7);
    store_batch("spoilt", stream, 0, 1);
    store_value(
        &format!("{}{}:1", prefix("spoilt"), stream.to_text().as_str()),
        "{\"batch\":1,\"n\":1}garbage",
    );
    store_value(&format!("{}{}:s", prefix("spoilt"), stream.to_text().as_str()), "not a stream line");
    let collector = Collector::start(Mode::Accept);
    let app = App::start("spoilt", "");
    until("the readable one arrives", || collector.stored(Some(stream)) == 1).await;
    until("nothing is left", || !stored("spoilt").iter().any(|key| key.contains(stream.to_text().as_str())))
        .await;
    assert_eq!(app.dropped("storage"), 1);
    app.check_books();
}
