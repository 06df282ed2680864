//! What browsers need to hear, and who may not send.

use beaconry_conformance::target::ORIGIN;

use crate::case::{Case, body, case, stored};

const CREDENTIALS: &str = "access-control-allow-credentials";
const ALLOWED: &str = "access-control-allow-origin";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("a page of an allowed origin can read the answer")
            .sends(body(0..1))
            .with_header("origin", ORIGIN)
            .stores("[0,1]")
            .has_header(ALLOWED, ORIGIN)
            .has_header(CREDENTIALS, "true")
            .has_header("access-control-expose-headers", "retry-after,date")
            .has_header("vary", "origin")
            .leaves(stored(0..1)),
        case("an error can be read too, else a client takes it for a broken network")
            .sends(body(0..1))
            .with_query("?key=wrong&stream={S}&now={NOW}")
            .with_header("origin", ORIGIN)
            .refuses(401, "key")
            .has_header(ALLOWED, ORIGIN)
            .has_header(CREDENTIALS, "true"),
        case("who sends no origin is no browser")
            .sends(body(0..1))
            .stores("[0,1]")
            .lacks_header(ALLOWED)
            .has_header("vary", "origin")
            .leaves(stored(0..1)),
        case("a preflight is answered")
            .asks("OPTIONS", "")
            .with_header("origin", ORIGIN)
            .with_header("access-control-request-method", "POST")
            .with_header("access-control-request-headers", "content-type")
            .says("")
            .has_header(ALLOWED, ORIGIN)
            .has_header(CREDENTIALS, "true")
            .has_header("access-control-allow-methods", "post")
            .has_header("access-control-allow-headers", "content-type")
            .has_header("access-control-max-age", "86400")
            .has_header("vary", "origin"),
        case("a preflight of a foreign origin is refused")
            .asks("OPTIONS", "")
            .with_header("origin", "https://evil.example")
            .with_header("access-control-request-method", "POST")
            .refuses(403, "origin")
            .lacks_header(ALLOWED),
        case("cookies are ignored")
            .sends(body(0..1))
            .with_header("cookie", "key=wrong; PHPSESSID=x; XDEBUG_SESSION=1")
            .with_header("authorization", "Basic eDp5")
            .stores("[0,1]")
            .lacks_header("set-cookie")
            .leaves(stored(0..1)),
        case("events are posted, not asked for")
            .asks("GET", "?key=key-1")
            .with_header("origin", ORIGIN)
            .refuses(405, "method")
            .has_header("allow", "post")
            .has_header(ALLOWED, ORIGIN)
            .asks("DELETE", "")
            .refuses(405, "method")
            .asks("PUT", "?key=key-1&stream={S}")
            .refuses(405, "method"),
        case("nothing is at another path").asks("POST", "x").with_body(body(0..1)).answers(404),
        case("the type of the body is no matter")
            .sends(body(0..1))
            .with_header("content-type", "text/plain;charset=UTF-8")
            .stores("[0,1]")
            .sends(body(1..2))
            .with_header("content-type", "application/x-www-form-urlencoded")
            .stores("[0,2]")
            .leaves(stored(0..2)),
    ];
    let foreign = [
        "https://evil.example",
        "null",
        "https://shop.example.com.evil.example",
        "http://shop.example.com",
        "",
    ];
    cases.extend(foreign.map(|origin| {
        case("pages of a foreign origin may not send")
            .sends(body(0..1))
            .with_header("origin", origin)
            .refuses(403, "origin")
            .lacks_header(ALLOWED)
    }));
    let wrong_keys = [
        "?stream={S}",
        "?key=&stream={S}",
        "?key=wrong&stream={S}",
        "?key=Key-1&stream={S}",
        "?key=key-1x&stream={S}",
    ];
    cases.extend(wrong_keys.map(|query| {
        case("a key that is missing or wrong is refused")
            .sends(body(0..1))
            .with_query(query)
            .refuses(401, "key")
    }));
    let wrong_queries = [
        "?key=key-1",
        "?key=key-1&stream=x",
        "?key=key-1&stream={S}x",
        "?key=key-1&key=key-1&stream={S}",
        "?key=key-1&stream={S}&now=1&now=1",
    ];
    cases.extend(wrong_queries.map(|query| {
        case("a URL that cannot be read, or names another stream, is refused")
            .sends(body(0..1))
            .with_query(query)
            .refuses(400, "query")
    }));
    cases
}
