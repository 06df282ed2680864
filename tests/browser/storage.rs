//! What the page stores and when; what happens where it cannot.

use crate::support::*;
use std::{cell::Cell, rc::Rc};
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn a_task_is_stored_as_on_the_wire_in_one_write() {
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let app = App::start("write", r#","page":"/p""#);
    let writes = Rc::new(Cell::new(0));
    let _spy = spy(&storage_prototype(), "setItem", {
        let writes = Rc::clone(&writes);
        move |key, _| {
            if key.as_string().unwrap().ends_with(":0") {
                writes.set(writes.get() + 1);
            }
        }
    });
    for _ in 0..3 {
        app.track();
    }
    assert_eq!(writes.get(), 0, "a write within the task");
    settle().await;
    assert_eq!(writes.get(), 1);

    let stream = app.stream();
    assert_eq!(stored("write"), [format!("{stream}:0"), format!("{stream}:s")]);
    let value = stored_value(&format!("{}{stream}:0", prefix("write"))).unwrap();
    assert_eq!(value, format!("{{\"batch\":0,\"n\":3,\"page\":\"/p\"}}\n{LINE}\n{LINE}\n{LINE}\n"));
    // Numbers in a batch's head count with all the digits they may have.
    assert!((value.len()..value.len() + 16).contains(&(app.count("storedBytes") as usize)));

    app.track();
    settle().await;
    assert_eq!(writes.get(), 2, "the open batch is written again, whole");
}

#[wasm_bindgen_test]
async fn an_error_is_stored_before_track_returns() {
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let app = App::start("error", "");
    app.client.track_line(r#"{"type":"error","ts":1,"data":{}}"#);
    assert!(stored("error").contains(&format!("{}:0", app.stream())));
}

#[wasm_bindgen_test]
async fn no_value_is_longer_than_a_batch() {
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let app = App::start("batches", "");
    for _ in 0..2_000 {
        app.track();
    }
    settle().await;
    let keys = stored("batches");
    assert!(keys.len() > 4, "{keys:?}");
    for key in keys {
        let value = stored_value(&format!("{}{key}", prefix("batches"))).unwrap();
        assert!(value.len() <= 16_384, "{key}: {} bytes", value.len());
    }
    app.check_books();
}

#[wasm_bindgen_test]
async fn blocked_storage_falls_back_to_memory() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let blocked = block_storage();
    let app = App::start("blocked", "");
    app.track();
    assert_eq!(app.flush(PATIENCE_MS).await, [1, 0, 0]);
    app.check_books();
    assert_eq!(collector.stored(None), 1);
    drop(blocked);
    assert_eq!(stored("blocked"), Vec::<String>::new());
}

#[wasm_bindgen_test]
async fn a_full_storage_loses_nothing_and_goes_first_on_exit() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    let app = App::start("quota", "");
    let full = fill_storage();
    app.track();
    app.client.track_line(r#"{"type":"error","ts":1,"data":{}}"#);
    settle().await;
    assert_eq!(stored("quota"), Vec::<String>::new());
    assert_eq!([app.count("held"), app.count("storedBytes")], [2, 0]);
    app.check_books();

    let _hidden = hide_page();
    fire_on_document("visibilitychange");
    let beacon = collector.received().into_iter().find(|it| it.via == beaconry_core::Via::Beacon).unwrap();
    assert_eq!(beacon.batches.iter().map(|(_, _, lines)| lines.len()).sum::<usize>(), 2);
    drop(full);
}

#[wasm_bindgen_test]
async fn the_storage_bound_holds_and_the_rest_stays_in_memory() {
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    let app = App::start("bound", r#","limits":{"storageBytes":10000,"flushAfter":1000}"#);
    for _ in 0..500 {
        app.track();
    }
    settle().await;
    let bytes = all_bytes(&["bound"]);
    assert!((4096..=10_000).contains(&bytes), "{bytes} bytes");
    assert_eq!(app.count("held"), 500);

    collector.set(Mode::Accept);
    fire_on_window("online", None);
    until("all delivered", || app.count("delivered") == 500).await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_small_storage_takes_small_batches() {
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let app = App::start("small", r#","limits":{"storageBytes":7000,"flushAfter":1000}"#);
    for _ in 0..500 {
        app.track();
    }
    settle().await;
    let bytes = all_bytes(&["small"]);
    assert!((5_000..=7_000).contains(&bytes), "{bytes} bytes");
    app.check_books();
}

/// Bytes of all batches in the storage, of any app.
fn all_bytes(apps: &[&str]) -> usize {
    let bytes = |app: &&str| -> usize {
        let keys = stored(app).into_iter().filter(|key| !key.ends_with(":s"));
        keys.map(|key| stored_value(&format!("{}{key}", prefix(app))).unwrap().len()).sum()
    };
    apps.iter().map(bytes).sum()
}

#[wasm_bindgen_test]
async fn the_storage_bound_is_the_origins() {
    const LIMIT: usize = 300_000;
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let apps =
        ["one", "two"].map(|name| App::start(name, &format!(r#","limits":{{"storageBytes":{LIMIT}}}"#)));
    // In turn, as two tabs do, far beyond it.
    for _ in 0..40 {
        for app in &apps {
            for _ in 0..200 {
                app.track();
            }
            settle().await;
        }
    }
    let bytes = all_bytes(&["one", "two"]);
    assert!(bytes > LIMIT - 65_536, "{bytes} bytes");
    assert!(bytes <= LIMIT + 2 * LIMIT / 16, "{bytes} bytes");
    for app in &apps {
        assert_eq!(app.count("held") + app.dropped("full"), 8_000, "nothing goes for another reason");
        app.check_books();
    }
}

#[wasm_bindgen_test]
async fn what_a_page_has_erased_is_not_its_own_to_fill() {
    const LIMIT: usize = 300_000;
    empty_storage();
    let collector = Collector::start(Mode::Unreachable);
    let start = |name| App::start(name, &format!(r#","limits":{{"storageBytes":{LIMIT}}}"#));
    let fill = async |app: &App| {
        for _ in 0..40 {
            for _ in 0..200 {
                app.track();
            }
            settle().await;
        }
    };
    let one = start("eraser");
    fill(&one).await;
    collector.set(Mode::Accept);
    fire_on_window("online", None);
    until("all delivered", || one.count("held") == 0).await;
    assert_eq!(all_bytes(&["eraser"]), 0);

    collector.set(Mode::Unreachable);
    let two = start("filler");
    fill(&two).await;
    assert!(all_bytes(&["filler"]) > LIMIT - 65_536);
    fill(&one).await;
    let bytes = all_bytes(&["eraser", "filler"]);
    assert!(bytes <= LIMIT + 2 * LIMIT / 16, "{bytes} bytes");
    one.check_books();
    two.check_books();
}

#[wasm_bindgen_test]
async fn what_another_has_erased_is_free_within_a_second() {
    empty_storage();
    let time = Time::fake();
    let _collector = Collector::start(Mode::Unreachable);
    let key = format!("{}{}:0", prefix("other"), dead_stream(60_000.0, 7).to_text().as_str());
    store_value(&key, &"x".repeat(300_000));
    let app = App::start("recount", r#","limits":{"storageBytes":300000}"#);
    app.track();
    settle().await;
    assert_eq!((app.count("held"), stored("recount").len()), (1, 1), "the stream line alone");

    empty_storage();
    time.advance(1_001).await;
    app.track();
    settle().await;
    assert_eq!((app.count("held"), stored("recount").len()), (2, 1), "the batch");
    app.check_books();
}

#[wasm_bindgen_test]
async fn limits_may_be_null() {
    empty_storage();
    let _collector = Collector::start(Mode::Accept);
    let app = App::start("unlimited", r#","limits":null"#);
    app.track();
    assert_eq!(app.flush(PATIENCE_MS).await, [1, 0, 0]);
    app.check_books();
}

#[wasm_bindgen_test]
async fn without_persist_nothing_is_stored() {
    empty_storage();
    let _collector = Collector::start(Mode::Accept);
    let app = App::start("volatile", r#","persist":false"#);
    app.track();
    settle().await;
    assert_eq!(stored("volatile"), Vec::<String>::new());
    assert_eq!(app.flush(PATIENCE_MS).await, [1, 0, 0]);
}

#[wasm_bindgen_test]
async fn a_full_memory_without_storage_drops_and_counts() {
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let app = App::start("memory", r#","persist":false,"limits":{"memoryBytes":80000}"#);
    for _ in 0..5_000 {
        app.track();
    }
    settle().await;
    assert!(app.dropped("full") > 0);
    assert_eq!(app.count("tracked"), 5_000);
    app.check_books();
}
