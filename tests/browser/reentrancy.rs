//! JavaScript calls back into the client wherever the client calls JavaScript.

use crate::support::*;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

type Inside = Box<dyn Fn()>;

/// Calls the client at most `times` times.
fn tracker(app: &App, times: u32) -> impl Fn() + 'static {
    let client = Rc::downgrade(&app.client);
    let left = Cell::new(times);
    move || {
        if let (Some(client), true) = (client.upgrade(), left.get() > 0) {
            left.set(left.get() - 1);
            client.track_line(LINE);
            client.track_line(ERROR_LINE);
            client.set_user(&"inside".into());
            client.stats();
        }
    }
}

#[wasm_bindgen_test]
async fn track_from_inside_fetch() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let app = App::start("in-fetch", "");
    collector.run_inside(tracker(&app, 3));
    app.track();
    app.flush(PATIENCE_MS).await;
    until("what was tracked inside arrives too", || {
        drop(app.client.flush(&json("{\"timeout\":1000}")));
        collector.stored(None) == 7
    })
    .await;
    app.check_books();
    assert_eq!(app.count("tracked"), 7);
}

#[wasm_bindgen_test]
async fn track_from_inside_set_item() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let app = App::start("in-set-item", "");
    let inside = tracker(&app, 3);
    let _spy = spy(&storage_prototype(), "setItem", move |_, _| inside());
    app.track();
    settle().await;
    assert_eq!(app.count("tracked"), 7);
    app.check_books();
    until("all arrives", || {
        drop(app.client.flush(&json("{\"timeout\":1000}")));
        collector.stored(None) == 7
    })
    .await;
}

/// A patched `setItem` that tracks at every call neither overflows the stack nor hangs the task.
#[wasm_bindgen_test]
async fn endless_tracking_from_inside_set_item_lets_the_page_go_on() {
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let app = App::start("endless", "");
    let inside = tracker(&app, u32::MAX);
    let spying = spy(&storage_prototype(), "setItem", move |_, _| inside());
    app.track();
    settle().await;
    drop(spying);
    assert!(app.count("tracked") > 1);
    app.check_books();
}

#[wasm_bindgen_test]
async fn track_from_inside_on_drop_console_and_to_json() {
    empty_storage();
    let _collector = Collector::start(Mode::Reject);
    let slot: Rc<RefCell<Option<Inside>>> = Rc::default();
    let on_drop: Closure<dyn Fn(JsValue, JsValue)> = Closure::new({
        let slot = Rc::clone(&slot);
        move |_, _| {
            if let Some(inside) = &*slot.borrow() {
                inside();
            }
        }
    });
    let app = App::start_with("in-drop", with(options("in-drop", ""), "onDrop", on_drop.as_ref()));
    slot.replace(Some(Box::new(tracker(&app, 2))));
    let inside = tracker(&app, 2);
    let to_json: Closure<dyn Fn() -> JsValue> = Closure::new(move || {
        inside();
        "made".into()
    });
    let value = with(json("{}"), "toJSON", to_json.as_ref());
    app.client.event(&"odd".into(), &with(json("{}"), "value", &value));
    app.client.set_context(&with(json("{}"), "value", &value));
    // What was rejected is told in a task of its own, and tracks again: nothing held is not yet the end.
    until("all is rejected", || {
        drop(app.client.flush(&json("{\"timeout\":1000}")));
        [app.count("tracked"), app.count("held")] == [1 + 2 * 4, 0]
    })
    .await;
    app.check_books();
    slot.take();
}

#[wasm_bindgen_test]
async fn an_app_that_throws_hurts_nobody() {
    empty_storage();
    let collector = Collector::start(Mode::Reject);
    let throwing = throwing_function();
    let app = App::start_with("throws", with(options("throws", ""), "onDrop", &throwing));
    app.track();
    assert_eq!(app.flush(PATIENCE_MS).await, [0, 0, 1]);
    collector.set(Mode::Accept);
    app.track();
    assert_eq!(app.flush(PATIENCE_MS).await, [1, 0, 1]);
}

#[wasm_bindgen_test]
async fn dispose_from_inside_fetch() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let listeners = ListenerCount::start();
    let app = App::start("in-dispose", "");
    let client = Rc::downgrade(&app.client);
    collector.run_inside(move || client.upgrade().into_iter().for_each(|client| client.dispose()));
    app.track();
    app.flush(200).await;
    settle().await;
    assert_eq!(listeners.live(), 0);
    app.check_books();
}
