//! Pages without Web Locks, as plain http has none: who writes a stream says so beside it.

use crate::support::*;
use wasm_bindgen_test::wasm_bindgen_test;

const MINUTE: f64 = 60_000.0;

fn lease_of(app: &str, stream: &str) -> Option<String> {
    stored_value(&format!("{}{stream}:l", prefix(app)))
}

#[wasm_bindgen_test]
async fn a_page_leases_its_stream_renews_it_and_gives_it_back() {
    let _plain = hide_locks();
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    collector.take_beacons_of(0);
    let time = Time::fake();
    let app = App::start("lessee", "");
    app.track();
    let stream = app.stream();
    time.until("the lease", || lease_of("lessee", &stream).is_some()).await;
    let first = lease_of("lessee", &stream);
    time.until("it is renewed", || lease_of("lessee", &stream) != first).await;
    assert_eq!(app.stream(), stream);

    fire_on_window("pagehide", Some(false));
    assert_eq!(lease_of("lessee", &stream).as_deref(), Some("0"), "free at once");
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_dead_pages_stream_is_adopted_when_its_lease_has_ended_and_no_key_stays() {
    let _plain = hide_locks();
    empty_storage();
    let time = Time::fake();
    let collector = Collector::start(Mode::Accept);
    let streams = [dead_stream(10.0 * MINUTE, 51), dead_stream(2.0 * MINUTE, 52), dead_stream(MINUTE, 53)];
    let now = js_sys::Date::now();
    // Dead with two minutes left; dead before it had a lease; closed.
    for (stream, lease) in streams.iter().zip([Some(now + 2.0 * MINUTE), None, Some(0.0)]) {
        store_batch("heir", *stream, 0, 1);
        if let Some(lease) = lease {
            let key = format!("{}{}:l", prefix("heir"), stream.to_text().as_str());
            store_value(&key, &format!("{lease} somebody"));
        }
    }
    let app = App::start("heir", "");
    let stored_of = |at: usize| collector.stored(Some(streams[at]));
    time.until("the closed one is adopted", || stored_of(2) == 1).await;
    assert_eq!(stored_of(0), 0, "another's lease holds");
    time.until("all are adopted", || (0..3).all(|at| stored_of(at) == 1)).await;
    assert!(js_sys::Date::now() - now >= 2.0 * MINUTE, "a lease was broken");
    time.until("nothing is left", || stored("heir").iter().all(|key| key.starts_with(&app.stream()))).await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_living_page_keeps_its_stream_for_as_long_as_it_lives() {
    let _plain = hide_locks();
    empty_storage();
    let time = Time::fake();
    let collector = Collector::start(Mode::Unreachable);
    let app = App::start("living", "");
    app.track();
    let stream = app.stream();
    time.until("the lease", || lease_of("living", &stream).is_some()).await;
    let other = App::start("living", "");
    for _ in 0..60 {
        time.advance(10_000).await;
        settle().await;
    }
    assert_eq!(app.stream(), stream);
    assert_eq!(other.count("tracked"), 0, "a living page's stream was taken");
    collector.set(Mode::Accept);
    fire_on_window("online", None);
    time.until("delivered", || app.count("delivered") == 1).await;
    assert_eq!(collector.stored(None), 1);
}

#[wasm_bindgen_test]
async fn a_lost_lease_means_a_new_stream_and_nothing_of_the_old_is_written() {
    let _plain = hide_locks();
    empty_storage();
    let time = Time::fake();
    let collector = Collector::start(Mode::Unreachable);
    let app = App::start("loser", "");
    app.track();
    let old = app.stream();
    time.until("the lease", || lease_of("loser", &old).is_some()).await;

    // The page slept; another took the stream, delivered and erased it.
    let batch = format!("{}{old}:0", prefix("loser"));
    let value = stored_value(&batch).unwrap();
    store_value(&format!("{}{old}:l", prefix("loser")), &format!("{} another", js_sys::Date::now() + MINUTE));
    let _spy = spy(&storage_prototype(), "setItem", {
        let (batch, line) = (batch.clone(), format!("{}{old}:s", prefix("loser")));
        move |key, _| {
            let key = key.as_string().unwrap();
            assert!(key != batch && key != line, "written: {key}");
        }
    });
    app.track();
    app.track();
    settle().await;
    let new = app.stream();
    assert_ne!(new, old);
    assert_eq!(stored_value(&batch).as_deref(), Some(value.as_str()), "what another holds was touched");
    time.until("the new one has its lease", || lease_of("loser", &new).is_some()).await;

    collector.set(Mode::Accept);
    // The other dies: what it has not delivered comes back to this page.
    time.until("everything is stored, once", || collector.stored(None) == 3).await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn of_two_that_take_a_stream_at_once_one_has_it() {
    let _plain = hide_locks();
    empty_storage();
    let time = Time::fake();
    let collector = Collector::start(Mode::Accept);
    let stream = dead_stream(10.0 * MINUTE, 54);
    store_batch("both", stream, 0, 3);
    let apps = [App::start("both", ""), App::start("both", "")];
    time.until("it is adopted", || collector.stored(Some(stream)) == 3).await;
    time.until("and settled", || !stored("both").iter().any(|key| key.contains(stream.to_text().as_str())))
        .await;
    let delivered = apps.iter().filter(|app| app.count("delivered") > 0).count();
    assert_eq!(delivered, 1, "both had it");
    for app in &apps {
        assert_eq!(app.dropped("storage"), 0);
        app.check_books();
    }
}

#[wasm_bindgen_test]
async fn dispose_leaves_no_timer_and_no_lease() {
    let _plain = hide_locks();
    empty_storage();
    let _collector = Collector::start(Mode::Accept);
    let time = Time::fake();
    let app = App::start("brief", "");
    let stream = app.stream();
    time.until("the lease", || lease_of("brief", &stream).is_some()).await;
    app.client.dispose();
    assert_eq!(time.pending(), 0);
    assert_eq!(stored("brief"), Vec::<String>::new());
}
