//! The switch.

use beaconry_conformance::journal::comparable;
use beaconry_conformance::target::{KEY, OTHER_KEY, Target};
use serde_json::json;

use crate::case::{Names, body, delivery, line_with};

/// Off at once, without a restart: each client is told, and its last line is recorded.
pub(crate) fn check(target: &mut Target) {
    let names = Names::new(251, 60_000);
    let post = |target: &Target, key: &str, body: &str| {
        let query = names.fill(&format!("?key={key}&stream={{S}}&now={{NOW}}"));
        target.send("POST", &query, &[], names.fill(body).as_bytes()).unwrap()
    };
    let lines = |target: &Target| {
        let journal = target.journal().unwrap();
        journal
            .iter()
            .filter(|line| line.contains(&names.stream))
            .map(|line| comparable(line))
            .collect::<Vec<_>>()
    };
    target.set_phase(KEY, false).unwrap();
    let answer = post(target, KEY, &body(0..3));
    assert_eq!(
        (answer.status, &answer.json()["phase"], &answer.json()["error"]),
        (410, &json!("DISABLED"), &json!("off"))
    );
    assert_eq!(lines(target), [""; 0], "nothing of a request with batches is recorded");

    let last = post(target, KEY, &line_with(3, r#","dropped":{"off":[[0,3]]}"#));
    assert_eq!((last.status, &last.json()["phase"]), (410, &json!("DISABLED")));
    let recorded =
        names.fill(&delivery(1, r#""tracked":3,"dropped":{"off":[[0,3]]},"holds":[],"closed":false"#));
    assert_eq!(lines(target), [recorded]);

    let bad = post(target, KEY, "nonsense\n");
    assert_eq!(
        (bad.status, &bad.json()["error"]),
        (400, &json!("json")),
        "what cannot be read is told first"
    );
    assert_eq!(post(target, OTHER_KEY, &body(0..1)).status, 200, "another key is not touched");
    target.set_phase(KEY, true).unwrap();
    assert_eq!(post(target, KEY, &body(0..3)).body, r#"{"stored":[[0,3]],"rejected":[]}"#);
}
