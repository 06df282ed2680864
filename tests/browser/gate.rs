//! What the collector says to all tabs: not before, and off.

use crate::support::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn no_tab_sends_before_retry_after() {
    for (mode, app_name) in [
        (Mode::Say(429, "", Some("20")), "seconds"),
        (Mode::ThrottleUntil(20_000.0), "date"),
        (Mode::Say(503, "", Some("20")), "busy"),
    ] {
        empty_storage();
        let collector = Collector::start(mode);
        let time = Time::fake();
        let app = App::start(app_name, "");
        let other = App::start(app_name, "");
        app.track();
        time.advance(6_000).await;
        until("a request", || collector.requests() == 1).await;
        until("the gate is shared", || stored(app_name).contains(&String::from("gate"))).await;

        collector.set(Mode::Accept);
        other.track();
        let late = App::start(app_name, "");
        late.track();
        time.advance(13_000).await;
        fire_on_window("online", None);
        settle().await;
        assert_eq!(collector.requests(), 1, "{app_name}: sent before Retry-After");

        time.advance(16_000).await;
        until("all delivered", || collector.stored(None) == 3).await;
        app.check_books();
    }
}

#[wasm_bindgen_test]
async fn off_means_off_for_a_day() {
    empty_storage();
    let collector = Collector::start(Mode::Say(410, r#"{"error":"off","phase":"DISABLED"}"#, None));
    let time = Time::fake();
    let listeners = ListenerCount::start();
    let app = App::start("off", "");
    app.track();
    app.track();
    time.advance(6_000).await;
    until("the gate says off", || stored("off") == ["gate"]).await;
    settle().await;
    assert_eq!(app.dropped("off"), 2);
    assert_eq!(listeners.live(), 0, "still listening: {}", listeners.kinds());
    app.check_books();

    let last = collector.received().pop().unwrap();
    assert!(last.batches.is_empty(), "the last line has no batches");
    let requests = collector.requests();
    collector.set(Mode::Accept);
    let next = App::start("off", "");
    next.track();
    assert_eq!(next.flush(50).await[0], 0);
    time.advance(60_000).await;
    assert_eq!(collector.requests(), requests, "sent although off");
    assert_eq!(stored("off"), ["gate"]);
    drop(next);

    time.advance(24 * 60 * 60 * 1000).await;
    let tomorrow = App::start("off", "");
    tomorrow.track();
    time.advance(6_000).await;
    until("on again", || collector.stored(None) == 1).await;
}

#[wasm_bindgen_test]
async fn a_tab_that_goes_heeds_what_another_was_told() {
    empty_storage();
    let collector = Collector::start(Mode::Say(429, "", Some("20")));
    let time = Time::fake();
    let told = App::start("leaver", "");
    let other = App::start("leaver", r#","limits":{"flushAfter":3600000}"#);
    told.track();
    other.track();
    time.advance(6_000).await;
    until("the gate is shared", || stored("leaver").contains(&String::from("gate"))).await;
    fire_on_window("beforeunload", None);
    assert_eq!(collector.beacons(), 0, "what is stored can wait");
    let full = fill_storage();
    other.track();
    fire_on_window("beforeunload", None);
    assert_eq!(collector.beacons(), 1, "what no storage has cannot");
    drop(full);
    other.check_books();
}

#[wasm_bindgen_test]
async fn a_tab_that_goes_sends_nothing_once_another_was_switched_off() {
    empty_storage();
    let collector = Collector::start(Mode::Say(410, r#"{"error":"off","phase":"DISABLED"}"#, None));
    let time = Time::fake();
    let listeners = ListenerCount::start();
    let told = App::start("stale", "");
    let other = App::start("stale", r#","limits":{"flushAfter":3600000}"#);
    told.track();
    other.track();
    time.advance(6_000).await;
    until("the gate says off", || stored("stale").contains(&String::from("gate"))).await;
    fire_on_window("beforeunload", None);
    settle().await;
    assert!(
        collector.received().iter().all(|it| it.via == beaconry_core::Via::Fetch || it.batches.is_empty())
    );
    assert_eq!(other.dropped("off"), 1);
    assert_eq!(stored("stale"), ["gate"]);
    assert_eq!(listeners.live(), 0, "still listening: {}", listeners.kinds());
    other.check_books();
}

#[wasm_bindgen_test]
async fn a_gate_further_ahead_than_its_maximum_is_ignored() {
    empty_storage();
    store_value(&format!("{}gate", prefix("far")), "[99999999999999,99999999999999]");
    let collector = Collector::start(Mode::Accept);
    let app = App::start("far", "");
    app.track();
    assert_eq!(app.flush(PATIENCE_MS).await, [1, 0, 0]);
    assert_eq!(collector.stored(None), 1);
}
