//! The package's own logger, error-handler and performance: what happens in a page is in the journal, as it was.

use anyhow::{Result, ensure};
use beaconry_e2e::browser::Browser;
use beaconry_e2e::journal::Stored;
use beaconry_e2e::world::{World, until_wasm};
use serde_json::{Value, json};
use thirtyfour::By;

/// A member's text.
fn text<'a>(data: &'a Value, member: &str) -> &'a str {
    data[member].as_str().unwrap_or_default()
}

async fn visit(modules: &Value) -> Result<(World, Browser)> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    browser.goto(&world.any_page("modules.html", &json!({ "modules": modules }))).await?;
    until_wasm(&browser).await?;
    Ok((world, browser))
}

/// Runs the body of an async function in the page, as a script of its own.
async fn run(browser: &Browser, body: &str) -> Result<Value> {
    browser.run("return page.run(arguments[0])", &[body.into()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_of_the_logger_is_an_event_of_its_type() -> Result<()> {
    let (world, browser) = visit(&json!({ "logger": { "console": ["error"] } })).await?;
    let calls = "
        const { logger } = page;
        const cart = logger.child({ module: 'cart' });
        logger.debug('only shown'); logger.info('only shown');
        cart.warn('cart is slow', { items: 40 });
        cart.error('payment failed', new TypeError('refused', { cause: new Error('the bank') }));
        cart.perf('render', 12.5, { rows: 3 });
        cart.action('checkout', { step: 2 });
        console.error('from a library');";
    browser.run(calls, &[]).await?;
    world.settled(&browser).await?;
    let events = world.journal().events()?;
    let found: Vec<Value> = events.iter().map(|event| json!([event.line["type"], event.data()])).collect();
    ensure!(found.len() == 5, "{found:#?}");
    let log = json!({ "level": "warn", "message": "cart is slow", "source": "logger", "module": "cart", "items": 40 });
    ensure!(found[0] == json!(["log", log]), "{}", found[0]);
    let error = &found[1][1];
    ensure!(
        found[1][0] == "error" && error["name"] == "TypeError" && error["message"] == "refused",
        "{error}"
    );
    ensure!(error["log"] == "payment failed" && error["module"] == "cart" && error["handled"] == true);
    ensure!(error["cause"]["message"] == "the bank", "{error}");
    let metric = json!({ "name": "render", "value": 12.5, "unit": "ms", "module": "cart", "rows": 3 });
    ensure!(found[2] == json!(["metric", metric]), "{}", found[2]);
    ensure!(
        found[3] == json!(["event", { "name": "checkout", "module": "cart", "step": 2 }]),
        "{}",
        found[3]
    );
    ensure!(found[4][1]["message"] == "from a library" && found[4][1]["source"] == "console", "{}", found[4]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_rejections_keep_their_stack_and_their_causes() -> Result<()> {
    let (world, browser) = visit(&json!({ "errors": {} })).await?;
    let throws = "
        history.replaceState(null, '', '?token=secret');
        const chain = new RangeError('out of stock', { cause: new TypeError('no such item', { cause: 'the shelf' }) });
        setTimeout(() => { throw Object.assign(chain, { code: 'E7', request: { password: 'secret' } }); });
        Promise.reject(new SyntaxError('see https://api.example/x?token=secret#top'));
        Promise.reject('only a text');
        const script = document.createElement('script');
        script.textContent = 'function inline() { throw new Error(\"inline\") }; inline()';
        document.body.append(script);";
    run(&browser, throws).await?;
    let journal = world.journal();
    let thrown = journal.event("error", |data| data["message"] == "out of stock").await?;
    let data = thrown.data();
    ensure!(data["name"] == "RangeError" && data["source"] == "window" && data["handled"] == false, "{data}");
    ensure!(data["count"] == 1 && data["code"] == "E7" && data["request"].is_null(), "{data}");
    ensure!(data["cause"]["name"] == "TypeError" && data["cause"]["cause"] == "the shelf", "{data}");
    ensure!(text(data, "stack").contains("out of stock") && text(&data["cause"], "stack").contains("at "));
    let rejected = journal.event("error", |data| data["name"] == "SyntaxError").await?;
    let data = rejected.data();
    ensure!(data["source"] == "promise" && data["message"] == "see https://api.example/x", "{data}");
    journal.event("error", |data| data["message"] == "only a text").await?;
    let inline = journal.event("error", |data| data["message"] == "inline").await?;
    let (file, line) = (text(inline.data(), "file"), &inline.data()["line"]);
    ensure!(file == "/modules.html" && line.is_u64(), "{}", inline.data());
    for event in journal.events()? {
        ensure!(!event.line.to_string().contains("secret"), "{}", event.line);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_resources_that_fail_are_errors_and_the_app_hears_of_them_as_before() -> Result<()> {
    let (world, browser) = visit(&json!({ "errors": {} })).await?;
    let fails = "
        const heard = [];
        addEventListener('unhandledrejection', ({ reason }) => heard.push(reason.name));
        heard.push((await fetch('/status/503?token=secret', { method: 'post' })).status);
        heard.push((await fetch(new Request('/status/404'))).status);
        heard.push(await fetch('http://127.0.0.1:1/handled').catch((error) => error.name));
        fetch('http://127.0.0.1:1/unhandled');
        const gone = new AbortController();
        const given = fetch('/blank.html', gone).catch((error) => error.name);
        gone.abort();
        heard.push(await given);
        heard.push(await page.xhr('PUT', '/status/500'), await page.xhr('GET', 'http://127.0.0.1:1/xhr'));
        page.broken('img', { src: '/no-such.png?token=secret' });
        page.broken('script', { src: '/no-such.js' });
        page.broken('link', { rel: 'stylesheet', href: '/no-such.css' });
        while (heard.length < 7) await new Promise((resolve) => setTimeout(resolve, 10));
        return heard.sort();";
    let heard = run(&browser, fails).await?;
    let expected = json!([404, 503, "AbortError", "TypeError", "TypeError", "loadend 0", "loadend 500"]);
    ensure!(heard == expected, "the app heard {heard}");
    let journal = world.journal();
    for (message, source, handled, status) in [
        ("POST /status/503 answered 503", "fetch", true, json!(503)),
        ("GET http://127.0.0.1:1/handled failed", "fetch", true, Value::Null),
        ("GET http://127.0.0.1:1/unhandled failed", "fetch", false, Value::Null),
        ("PUT /status/500 answered 500", "xhr", true, json!(500)),
        ("GET http://127.0.0.1:1/xhr failed", "xhr", true, Value::Null),
        ("<img> /no-such.png did not load", "resource", false, Value::Null),
        ("<script> /no-such.js did not load", "resource", false, Value::Null),
        ("<link> /no-such.css did not load", "resource", false, Value::Null),
    ] {
        let event = journal.event("error", |data| data["message"] == message).await?;
        let data = event.data();
        ensure!(data["source"] == source && data["handled"] == handled && data["status"] == status, "{data}");
        ensure!(data["url"].is_string() && (source == "resource" || data["duration"].is_u64()), "{data}");
        ensure!(source != "fetch" || status != Value::Null || data["cause"]["name"] == "TypeError", "{data}");
    }
    let events = world.journal().events()?;
    ensure!(
        events.len() == 8,
        "more than failed: {:#?}",
        events.iter().map(Stored::data).collect::<Vec<_>>()
    );
    ensure!(events.iter().all(|event| !event.line.to_string().contains("secret")), "a query is stored");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_error_is_one_event_with_its_count_and_an_error_noticed_twice_is_told_once() -> Result<()>
{
    let (world, browser) = visit(&json!({ "errors": {} })).await?;
    let fails = "
        let n = 0;
        const fail = page.wrap(() => { n++; throw new Error('again and again') });
        await new Promise((resolve) => {
          const timer = setInterval(() => { if (n === 49) { clearInterval(timer); resolve(); } fail(); });
        });
        const swallowed = page.wrap(async function (what) { throw new Error(what + this.what) });
        await swallowed.call({ what: '!' }, 'swallowed').catch(() => {});
        return page.wrap((a, b) => a + b)(1, 2);";
    ensure!(run(&browser, fails).await? == 3, "a wrapped function lost its result");
    let journal = world.journal();
    let folded = journal.event("error", |data| data["count"].as_u64() > Some(1)).await?;
    ensure!(folded.data()["message"] == "again and again", "{}", folded.data());
    let swallowed = journal.event("error", |data| data["message"] == "swallowed!").await?;
    ensure!(swallowed.data()["source"] == "wrap", "{}", swallowed.data());
    let mut total = 0;
    for event in journal.events()?.iter().filter(|event| event.data()["message"] == "again and again") {
        ensure!(event.data()["source"] == "wrap", "also told by the window: {}", event.data());
        total += event.data()["count"].as_u64().unwrap_or_default();
    }
    ensure!(total == 50, "{total} of 50 errors are counted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_being_counted_is_told_when_the_page_goes() -> Result<()> {
    let (world, browser) = visit(&json!({ "errors": {} })).await?;
    let fails = "
        for (let n = 0; n < 3; n++) setTimeout(() => { throw new Error('at the end') });
        setTimeout(() => setTimeout(() => (location.href = '/blank.html')));";
    run(&browser, fails).await?;
    let folded = world.journal().event("error", |data| data["count"] == 2).await?;
    ensure!(folded.data()["message"] == "at the end", "{}", folded.data());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn vitals_frames_requests_resources_marks_and_routes_are_measured() -> Result<()> {
    let (world, browser) = visit(&json!({ "performance": { "slowAfter": 0 } })).await?;
    let journal = world.journal();
    // Once the library is there, of which FCP tells.
    journal.event("vital", |data| data["name"] == "FCP").await?;
    browser.session().find(By::Id("slow")).await?.click().await?;
    let does = "
        performance.mark('cart:open', { detail: { items: 2 } });
        performance.measure('cart:render', { start: 10, duration: 25 });
        await fetch('/blank.html?token=secret');
        history.pushState(null, '', '/orders/5?token=secret');
        history.replaceState(null, '', '/orders/5?page=2');
        history.back();";
    run(&browser, does).await?;
    for (name, check) in [
        ("cart:open", json!({ "kind": "mark", "unit": "ms", "detail": { "items": 2 } })),
        ("cart:render", json!({ "kind": "measure", "unit": "ms", "value": 25, "at": 10 })),
        ("response_time", json!({ "url": "/blank.html", "initiator": "fetch", "status": 200, "unit": "ms" })),
        ("slow_resource", json!({ "url": "/modules.js", "unit": "ms" })),
    ] {
        let is_meant = |data: &Value| data["name"] == name && check["url"] == data["url"];
        let event = journal.event("metric", is_meant).await?;
        for (member, value) in check.as_object().into_iter().flatten() {
            ensure!(event.data()[member] == *value, "{name}.{member}: {}", event.data());
        }
        ensure!(event.data()["value"].as_f64() > Some(0.0), "{}", event.data());
    }
    let is_click = |data: &Value| {
        data["name"] == "long_animation_frame" && text(&data["script"], "invoker").contains("slow.onclick")
    };
    let frame = journal.event("metric", is_click).await?;
    ensure!(frame.data()["value"].as_f64() >= Some(200.0), "{}", frame.data());
    ensure!(frame.data()["script"]["url"] == "/modules.js", "{}", frame.data());
    let view = journal.event("event", |data| data["name"] == "page_view").await?;
    ensure!(
        view.data()["route"] == "/modules.html" && view.data()["navigation"] == "navigate",
        "{}",
        view.data()
    );
    for (from, to, navigation) in
        [("/modules.html", "/orders/5", "push"), ("/orders/5", "/modules.html", "traverse")]
    {
        let is_meant = |data: &Value| data["name"] == "route_change" && data["navigation"] == navigation;
        let change = journal.event("event", is_meant).await?;
        ensure!(change.data()["from"] == from && change.data()["route"] == to, "{}", change.data());
    }
    browser.goto(&world.blank_page()).await?;
    for (name, attribution) in [
        ("TTFB", "requestDuration"),
        ("FCP", "firstByteToFCP"),
        ("LCP", "elementRenderDelay"),
        ("CLS", "delta"),
        ("INP", "interactionType"),
    ] {
        let vital = journal.event("vital", |data| data["name"] == name).await?;
        let data = vital.data();
        ensure!(data["value"].is_number() && data["rating"].is_string() && data["id"].is_string(), "{data}");
        ensure!(!data[attribution].is_null(), "{name} has no {attribution}: {data}");
        ensure!(name != "INP" || data["value"].as_f64() >= Some(200.0), "{data}");
    }
    for event in journal.events()? {
        ensure!(!event.line.to_string().contains("secret"), "a query is stored: {}", event.line);
        let url = text(event.data(), "url");
        ensure!(!url.contains("beaconry") && !url.contains("/v1/events"), "the client's own: {}", event.line);
    }
    Ok(())
}
