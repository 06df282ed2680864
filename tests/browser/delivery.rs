//! What travels, what an answer does, and what is told of it.

use crate::support::*;
use beaconry_core::Via;
use js_sys::Reflect;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn five_types_travel_in_one_request() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let app = App::start("five", r#","release":"1.2","env":"test","page":"/cart""#);
    app.client.set_user(&"ü1".into());
    app.client.set_context(&json(r#"{"plan":"pro"}"#));
    app.client.log(&"info".into(), &"hello \u{1F600}".into(), &JsValue::UNDEFINED);
    app.client.metric(&"load".into(), &3.5.into(), &JsValue::UNDEFINED);
    app.client.event(&"click".into(), &json(r#"{"id":7}"#));
    app.client.vital(&"LCP".into(), &1200.into(), &JsValue::UNDEFINED);
    app.client.track("error", &json(r#"{"message":"m"}"#));

    assert_eq!(app.flush(PATIENCE_MS).await, [5, 0, 0]);
    app.check_books();

    let received = collector.received();
    let request = received.first().unwrap();
    assert_eq!(request.via, Via::Fetch);
    assert!(request.url.starts_with(&format!("{URL}?key=k&stream={}&now=", app.stream())), "{}", request.url);
    assert_eq!(request.line.tracked, 5);
    assert!(request.body.contains(r#""release":"1.2","env":"test""#), "{}", request.body);
    let (first, head, lines) = request.batches.first().unwrap();
    assert_eq!(*first, 0);
    assert_eq!(head, r#"{"batch":0,"n":5,"page":"/cart","user":"ü1","context":{"plan":"pro"}}"#);
    for (line, part) in lines.iter().zip([
        r#"{"level":"info","message":"hello 😀"}"#,
        r#"{"name":"load","value":3.5}"#,
        r#"{"id":7,"name":"click"}"#,
        r#"{"name":"LCP","value":1200}"#,
        r#"{"message":"m"}"#,
    ]) {
        assert!(line.ends_with(&format!("\"data\":{part}}}")), "{line} has no {part}");
    }
}

#[wasm_bindgen_test]
async fn a_request_has_no_cookies_no_preflight_and_a_time_out() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let app = App::start("plain", "");
    app.track();
    app.flush(PATIENCE_MS).await;

    let init = collector.received().first().unwrap().init.clone();
    let member = |name: &str| Reflect::get(&init, &name.into()).unwrap();
    assert_eq!(member("method").as_string().unwrap(), "POST");
    assert_eq!(member("credentials").as_string().unwrap(), "omit");
    assert!(member("headers").is_undefined());
    assert!(member("body").is_string(), "a string travels as text/plain;charset=UTF-8");
    assert!(member("signal").is_object(), "nothing ends a request that hangs");
}

#[wasm_bindgen_test]
async fn what_is_acknowledged_is_erased_and_what_is_not_stays() {
    empty_storage();
    let collector = Collector::start(Mode::Say(200, "<html>a proxy's page</html>", None));
    let time = Time::fake();
    let app = App::start("erase", "");
    app.track();
    time.advance(6_000).await;
    until("a request", || collector.requests() > 0).await;
    settle().await;
    assert_eq!(app.count("held"), 1);
    assert_eq!(stored("erase").len(), 2, "the batch and the stream line: {:?}", stored("erase"));

    collector.set(Mode::Accept);
    time.until("delivered", || app.count("delivered") == 1).await;
    assert!(stored("erase").iter().all(|key| key.ends_with(":s")), "{:?}", stored("erase"));
    assert_eq!(app.count("storedBytes"), 0);
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_rejected_batch_is_dropped_counted_and_told() {
    empty_storage();
    let _collector = Collector::start(Mode::Reject);
    let told = Rc::new(RefCell::new(Vec::new()));
    let on_drop: Closure<dyn Fn(String, u32)> = Closure::new({
        let told = Rc::clone(&told);
        move |reason, count| told.borrow_mut().push((reason, count))
    });
    let app = App::start_with("rejected", with(options("rejected", ""), "onDrop", on_drop.as_ref()));
    app.track();
    app.track();
    assert_eq!(app.flush(PATIENCE_MS).await, [0, 0, 2]);
    assert_eq!(app.dropped("rejected"), 2);
    assert_eq!(*told.borrow(), [(String::from("rejected"), 2)]);
    app.check_books();
}

#[wasm_bindgen_test]
async fn a_flush_that_cannot_deliver_resolves_in_time_and_keeps_all() {
    empty_storage();
    for mode in [Mode::Unreachable, Mode::Hang, Mode::Say(500, "", None)] {
        let _collector = Collector::start(mode);
        let app = App::start("offline", "");
        app.track();
        assert_eq!(app.flush(30).await, [0, 1, 0], "{mode:?}");
        app.check_books();
    }
}

/// Also where the browser's `fetch` does not even hear its signal.
#[wasm_bindgen_test]
async fn a_request_that_hangs_is_given_up_and_repeated() {
    for (mode, name) in [(Mode::Hang, "hangs"), (Mode::Deaf, "deaf")] {
        empty_storage();
        let collector = Collector::start(mode);
        let time = Time::fake();
        let app = App::start(name, "");
        app.track();
        time.advance(6_000).await;
        until("a request", || collector.requests() == 1).await;
        time.advance(28_000).await;
        assert_eq!(collector.requests(), 1, "{mode:?}: given up too soon");

        collector.set(Mode::Accept);
        time.until("delivered after the backoff", || app.count("delivered") == 1).await;
        assert_eq!(collector.requests(), 2, "{mode:?}");
    }
}

#[wasm_bindgen_test]
async fn an_unserialisable_event_is_stored_in_a_bounded_form() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let app = App::start("odd", "");
    let cyclic = js_sys::Object::new();
    Reflect::set(&cyclic, &"self".into(), &cyclic).unwrap();
    app.client.track("event", &cyclic);
    app.client.track("no such type", &JsValue::UNDEFINED);
    app.client.track("log", &"x".repeat(100_000).into());
    app.client.track_line(&format!(r#"{{"type":"log","ts":1,"data":{{"m":"{}"}}}}"#, "x".repeat(40_000)));

    assert_eq!(app.flush(PATIENCE_MS).await, [3, 0, 1]);
    assert_eq!(app.dropped("too_large"), 1);
    let received = collector.received();
    let lines: Vec<&String> =
        received.iter().flat_map(|it| &it.batches).flat_map(|(_, _, lines)| lines).collect();
    assert!(lines[0].contains("[circular]"), "{}", lines[0]);
    assert!(lines[1].contains(r#""name":"no such type""#), "{}", lines[1]);
    assert!(lines[2].len() <= 32 * 1024);
}

/// The client stays off, says which option it is, and every call is harmless.
#[wasm_bindgen_test]
async fn wrong_options_are_named_and_the_app_goes_on() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let cases = [
        (JsValue::UNDEFINED, "url"),
        (json("7"), "url"),
        (json(r#"{"url":"","key":"k"}"#), "url"),
        (json(&format!(r#"{{"url":"{URL}"}}"#)), "key"),
        (options("bad", r#","release":3"#), "release"),
        (options("bad", r#","onDrop":"no function""#), "onDrop"),
        (options("bad", r#","limits":{"memoryBytes":-1}"#), "memoryBytes"),
        (throwing_options(), "url"),
    ];
    for (options, name) in cases {
        let said = Rc::new(RefCell::new(String::new()));
        let _console = replace(&global("console"), "error", {
            let said = Rc::clone(&said);
            move |text, _| {
                said.borrow_mut().push_str(&text.as_string().unwrap_or_default());
                JsValue::UNDEFINED
            }
        });
        let app = App::start_with("bad", options);
        app.track();
        app.client.error(&JsValue::NULL, &JsValue::NULL);
        app.client.set_user(&JsValue::NULL);
        assert_eq!(app.flush(50).await, [0, 0, 0]);
        app.client.dispose();
        assert!(said.borrow().contains(name), "{name} is not named: {}", said.borrow());
    }
    assert_eq!(collector.requests(), 0);
    assert_eq!(stored("bad"), Vec::<String>::new());
}
