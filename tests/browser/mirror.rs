//! The second copy, in IndexedDB, for a browser that is killed.

use crate::support::*;
use wasm_bindgen_test::wasm_bindgen_test;

const MINUTE: f64 = 60_000.0;
const DAY: f64 = 24.0 * 60.0 * MINUTE;

#[wasm_bindgen_test]
async fn what_is_stored_is_mirrored_and_what_is_erased_goes_there_too() {
    empty_storage();
    delete_mirror("copy").await;
    let collector = Collector::start(Mode::Accept);
    let app = App::start("copy", "");
    app.track();
    settle().await;
    app.track(); // the same batch, longer
    until_mirrored("copy", "the line and the batch", |text| {
        text.contains(&format!("{{\"stream\":\"{}\"", app.stream())) && text.contains("{\"batch\":0,\"n\":2,")
    })
    .await;
    assert_eq!(app.flush(PATIENCE_MS).await, [2, 0, 0]);
    assert_eq!(collector.stored(None), 2);
    until_mirrored("copy", "the line alone", |text| text.contains(&app.stream()) && !text.contains("batch"))
        .await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn many_tasks_are_few_records_and_repeat_little() {
    empty_storage();
    delete_mirror("records").await;
    let _collector = Collector::start(Mode::Unreachable);
    let app = App::start("records", "");
    for _ in 0..20 {
        for _ in 0..20 {
            app.track();
        }
        settle().await;
    }
    until_mirrored("records", "all events", |text| text.matches(LINE).count() >= 400).await;
    settle().await;
    let text = mirrored("records").await.unwrap();
    assert!(text.matches(LINE).count() < 800, "{} bytes for 400 events", text.len());
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_stream_that_only_the_mirror_has_is_delivered() {
    empty_storage();
    delete_mirror("lost").await;
    let stream = dead_stream(MINUTE, 41);
    let line = line_text(stream, 6, r#"{"full":[[0,1]]}"#);
    mirror("lost", stream, &format!("{line}\n{}", batch_text(1, 2))).await;
    mirror("lost", stream, &format!("{line}\n{}{}", batch_text(1, 3), batch_text(4, 2))).await;
    let collector = Collector::start(Mode::Accept);
    let app = App::start("lost", "");
    until("all of it arrives", || collector.stored(Some(stream)) == 5).await;
    let asked = collector.received().into_iter().find(|it| it.line.stream == stream).unwrap();
    assert!(asked.line.closed && asked.line.tracked == 6 && asked.batches.is_empty(), "{:?}", asked.line);
    assert_eq!(asked.line.dropped.iter().map(|(_, it)| it.count()).sum::<u64>(), 1, "what the line told");
    until("nothing is left", || stored("lost").iter().all(|key| !key.contains(stream.to_text().as_str())))
        .await;
    until_mirrored("lost", "nothing of it", |text| !text.contains(stream.to_text().as_str())).await;
    app.check_books();
}

#[wasm_bindgen_test]
async fn of_two_values_the_longer_wins_and_of_two_lines_both_are_read() {
    empty_storage();
    delete_mirror("longer").await;
    let stream = dead_stream(MINUTE, 42);
    // Rolled back to before the batch grew, and before a drop was counted; the other batch grew after the last copy.
    store_batch("longer", stream, 1, 1);
    store_batch("longer", stream, 5, 3);
    let line = format!("{}{}:s", prefix("longer"), stream.to_text().as_str());
    store_value(&line, &line_text(stream, 8, r#"{"full":[[0,1]],"age":[]}"#));
    let told = line_text(stream, 6, r#"{"rejected":[[4,5]]}"#);
    mirror("longer", stream, &format!("{told}\n{}{}", batch_text(1, 3), batch_text(5, 1))).await;
    let collector = Collector::start(Mode::Accept);
    let app = App::start("longer", "");
    until("all of both arrives", || collector.stored(Some(stream)) == 6).await;
    let asked = collector.received().into_iter().find(|it| it.line.stream == stream).unwrap();
    let told: Vec<u64> = asked.line.dropped.iter().map(|(_, numbers)| numbers.count()).collect();
    // Number 0 and, of those that no batch has, 4: both lines are read.
    assert_eq!(told.iter().sum::<u64>(), 2, "{:?}", asked.line);
    app.check_books();
}

#[wasm_bindgen_test]
async fn what_localstorage_has_no_room_for_is_delivered_all_the_same() {
    empty_storage();
    delete_mirror("homeless").await;
    let stream = dead_stream(MINUTE, 43);
    mirror("homeless", stream, &format!("{}\n{}", line_text(stream, 2, "{}"), batch_text(0, 2))).await;
    let collector = Collector::start(Mode::Accept);
    let full = fill_storage();
    let app = App::start("homeless", "");
    until("it arrives", || collector.stored(Some(stream)) == 2).await;
    until("the books know", || app.count("held") == 0).await;
    app.check_books();
    drop(full);
    drop(app);
    // Until it was delivered only the mirror had it; so the next page cleans up.
    let _next = App::start("homeless", "");
    until_mirrored("homeless", "nothing of it", |text| !text.contains(stream.to_text().as_str())).await;
    assert_eq!(collector.stored(Some(stream)), 2);
}

#[wasm_bindgen_test]
async fn what_a_lost_delete_left_is_asked_about_and_not_sent() {
    empty_storage();
    delete_mirror("healed").await;
    let collector = Collector::start(Mode::Accept);
    let stream = dead_stream(MINUTE, 44);
    store_batch("healed", stream, 0, 2);
    let first = App::start("healed", "");
    until("it is stored", || collector.stored(Some(stream)) == 2).await;
    drop(first);
    let requests = collector.requests();

    mirror("healed", stream, &batch_text(0, 2)).await;
    let app = App::start("healed", "");
    until_mirrored("healed", "nothing of it", |text| !text.contains("/old")).await;
    assert!(
        collector.received().iter().skip(requests).all(|it| it.batches.is_empty()),
        "sent although the collector has it"
    );
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_mirrored_stream_goes_after_35_days() {
    empty_storage();
    delete_mirror("aged").await;
    let (old, kept) = (dead_stream(36.0 * DAY, 45), dead_stream(34.0 * DAY, 46));
    for stream in [old, kept] {
        mirror("aged", stream, &format!("{}\n{}", line_text(stream, 1, "{}"), batch_text(0, 1))).await;
    }
    let collector = Collector::start(Mode::Unreachable);
    let _app = App::start("aged", "");
    until_mirrored("aged", "the younger alone", |text| {
        !text.contains(old.to_text().as_str()) && text.contains(kept.to_text().as_str())
    })
    .await;
    assert_eq!(collector.stored(None), 0);
}

#[wasm_bindgen_test]
async fn what_another_page_holds_is_not_restored() {
    empty_storage();
    delete_mirror("held").await;
    let live = dead_stream(MINUTE, 47);
    mirror("held", live, &batch_text(0, 1)).await;
    let lock = lock(&format!("{}{}", prefix("held"), live.to_text().as_str())).await;
    let time = Time::fake();
    let collector = Collector::start(Mode::Accept);
    let _app = App::start("held", "");
    for _ in 0..5 {
        time.advance(20_000).await;
        settle().await;
    }
    assert_eq!(collector.requests(), 0);
    assert!(mirrored("held").await.unwrap().contains("/old"));
    drop(lock);
    time.until("it is adopted once the page is gone", || collector.stored(Some(live)) == 1).await;
}

#[wasm_bindgen_test]
async fn without_a_usable_indexeddb_everything_works_and_nobody_hears_of_it() {
    let unhandled = Unhandled::new();
    for how in ways_to_break_indexed_db() {
        empty_storage();
        delete_mirror("broken").await;
        let stream = dead_stream(MINUTE, 48);
        let collector = Collector::start(Mode::Accept);
        let broken = break_indexed_db(&how);
        let app = App::start("broken", "");
        for _ in 0..5 {
            app.track();
            settle().await;
        }
        assert_eq!(app.flush(PATIENCE_MS).await, [5, 0, 0], "{how}");
        store_batch("broken", stream, 0, 1);
        if how != "never answers" {
            fire_on_window("pageshow", Some(true)); // looks
            until("a dead page's stream is adopted", || collector.stored(Some(stream)) == 1).await;
        }
        app.check_books();
        drop(app);
        settle().await;
        drop(broken);
        settle().await;
        assert_eq!(unhandled.told(), "", "{how}");
    }
    unhandled.restore();
}

#[wasm_bindgen_test]
async fn a_database_that_never_answers_keeps_no_dead_stream_from_its_adopter() {
    empty_storage();
    let stream = dead_stream(MINUTE, 49);
    store_batch("silent", stream, 0, 1);
    let broken = break_indexed_db("never answers");
    let time = Time::fake();
    let collector = Collector::start(Mode::Accept);
    let _app = App::start("silent", "");
    time.until("it is adopted", || collector.stored(Some(stream)) == 1).await;
    drop(broken);
}

#[wasm_bindgen_test]
async fn who_deletes_the_mirror_waits_for_nobody_and_the_page_goes_on_without() {
    empty_storage();
    delete_mirror("deleted").await;
    let collector = Collector::start(Mode::Accept);
    let app = App::start("deleted", "");
    app.track();
    until_mirrored("deleted", "the first event", |text| text.contains(LINE)).await;
    delete_mirror("deleted").await;
    app.track();
    assert_eq!(app.flush(PATIENCE_MS).await, [2, 0, 0]);
    assert_eq!(collector.stored(None), 2);
    assert_eq!(mirrored("deleted").await, None);
    app.check_books();
}

#[wasm_bindgen_test]
async fn without_the_option_there_is_none_and_an_earlier_one_goes() {
    empty_storage();
    delete_mirror("optional").await;
    let _collector = Collector::start(Mode::Unreachable);
    for (more, is_there) in [(r#","mirror":false"#, false), ("", true), (r#","mirror":false"#, false)] {
        let app = App::start("optional", more);
        app.track();
        if is_there {
            until_mirrored("optional", "the event", |text| text.contains(LINE)).await;
        } else {
            settle().await;
            let start = js_sys::Date::now();
            while mirrored("optional").await.is_some() {
                assert!(js_sys::Date::now() - start < 5_000.0, "the mirror stays");
            }
        }
        drop(app);
        settle().await;
    }
}

#[wasm_bindgen_test]
async fn a_page_that_is_hidden_or_gone_mirrors_at_once() {
    empty_storage();
    delete_mirror("hurried").await;
    let collector = Collector::start(Mode::Unreachable);
    collector.take_beacons_of(0);
    let app = App::start("hurried", "");
    until_mirrored("hurried", "a database", |_| true).await;
    let time = Time::fake(); // no timer rings
    app.track();
    fire_on_window("pagehide", Some(true));
    until_mirrored("hurried", "the event", |text| text.contains(LINE)).await;
    drop(time);
}
