//! One row of the table, and how it is written.
//!
//! In all texts `{S}` is the case's own stream, `{TS}` the time of its events, `{NOW}` the client's clock; in the journal `R`
//! is the time of receipt.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use beaconry_conformance::http::Answer;
use beaconry_conformance::journal::comparable;
use beaconry_conformance::target::{KEY, Target};
use beaconry_core::StreamId;
use serde_json::Value;

/// A stream is born this long before its first request.
const AGE_MS: u64 = 60_000;

/// Requests of one stream, and what is in the journal after.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    steps: Vec<Step>,
    journal: Vec<String>,
    /// How long ago the stream was born.
    age: u64,
}

#[derive(Clone)]
struct Step {
    method: &'static str,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    says: Says,
    answer_headers: Vec<(&'static str, Option<String>)>,
}

#[derive(Clone)]
enum Says {
    /// Exactly this.
    Body(String),
    /// JSON with this reason, and a message for people.
    Error(&'static str),
    /// Whatever a web server says.
    Anything,
}

/// A case by the name of the behaviour that it shows.
pub(crate) fn case(name: &'static str) -> Case {
    Case { name, steps: Vec::new(), journal: Vec::new(), age: AGE_MS }
}

impl Case {
    /// A stream that was born `age` ms ago.
    pub(crate) fn of_age(mut self, age: u64) -> Case {
        self.age = age;
        self
    }

    /// The next request: a POST of the client.
    pub(crate) fn sends(self, body: impl Into<Vec<u8>>) -> Case {
        let query = format!("?key={KEY}&stream={{S}}&now={{NOW}}");
        self.asks("POST", &query).with_body(body)
    }

    /// The next request, by its method and what stands behind the path.
    pub(crate) fn asks(mut self, method: &'static str, query: &str) -> Case {
        self.steps.push(Step {
            method,
            query: query.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            status: 0,
            says: Says::Anything,
            answer_headers: Vec::new(),
        });
        self
    }

    pub(crate) fn with_query(mut self, query: &str) -> Case {
        self.step().query = query.to_owned();
        self
    }

    pub(crate) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Case {
        self.step().body = body.into();
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Case {
        self.step().headers.push((name, value.to_owned()));
        self
    }

    /// It is stored, and these are all of the stream's numbers.
    pub(crate) fn stores(self, stored: &str) -> Case {
        self.rejects(stored, "")
    }

    /// It is stored but for some batches.
    pub(crate) fn rejects(self, stored: &str, rejected: &str) -> Case {
        self.says(&format!("{{\"stored\":[{stored}],\"rejected\":[{rejected}]}}"))
    }

    /// A 200 with exactly this body.
    pub(crate) fn says(mut self, body: &str) -> Case {
        (self.step().status, self.step().says) = (200, Says::Body(body.to_owned()));
        self
    }

    pub(crate) fn refuses(mut self, status: u16, reason: &'static str) -> Case {
        (self.step().status, self.step().says) = (status, Says::Error(reason));
        self
    }

    pub(crate) fn answers(mut self, status: u16) -> Case {
        self.step().status = status;
        self
    }

    /// The answer to the last request has this header.
    pub(crate) fn has_header(mut self, name: &'static str, value: &str) -> Case {
        self.step().answer_headers.push((name, Some(value.to_owned())));
        self
    }

    pub(crate) fn lacks_header(mut self, name: &'static str) -> Case {
        self.step().answer_headers.push((name, None));
        self
    }

    /// All lines of the stream at the end.
    pub(crate) fn leaves(mut self, lines: impl IntoIterator<Item = String>) -> Case {
        self.journal.extend(lines);
        self
    }

    fn step(&mut self) -> &mut Step {
        self.steps.last_mut().unwrap()
    }

    /// Plays it; `nth` makes its stream another than those of all other cases.
    pub(crate) fn run(&self, target: &Target, nth: u8) -> Result<()> {
        let names = Names::new(nth, self.age);
        for (at, step) in self.steps.iter().enumerate() {
            step.run(target, &names).with_context(|| format!("request {}", at + 1))?;
        }
        let left: Vec<String> = target
            .journal()?
            .iter()
            .filter(|line| line.contains(&names.stream))
            .map(|line| comparable(line))
            .collect();
        let expected: Vec<String> = self.journal.iter().map(|line| names.fill(line)).collect();
        ensure!(left == expected, "the journal has\n{}\nand not\n{}", left.join("\n"), expected.join("\n"));
        Ok(())
    }
}

impl Step {
    fn run(&self, target: &Target, names: &Names) -> Result<()> {
        let headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let body = names.fill_bytes(&self.body);
        let answer = target.send(self.method, &names.fill(&self.query), &headers, &body)?;
        ensure!(answer.status == self.status, "{} and not {}: {}", answer.status, self.status, answer.body);
        ensure!(
            !answer.body.contains("Warning") && !answer.body.contains("Notice"),
            "PHP speaks: {}",
            answer.body
        );
        for (name, value) in &self.answer_headers {
            let found = answer.header(name);
            ensure!(found.as_deref() == value.as_deref(), "{name} is {found:?} and not {value:?}");
        }
        self.says.check(&answer)
    }
}

impl Says {
    fn check(&self, answer: &Answer) -> Result<()> {
        match self {
            Says::Anything => {}
            Says::Body(body) => ensure!(answer.body == *body, "{} and not {body}", answer.body),
            Says::Error(reason) => {
                let told = answer.json();
                ensure!(told["error"] == *reason, "{} and not {reason}", answer.body);
                let is_message = |text: &Value| text.as_str().is_some_and(|text| !text.is_empty());
                ensure!(is_message(&told["message"]), "nothing for people: {}", answer.body);
            }
        }
        if answer.status == 200 && !answer.body.is_empty() {
            ensure!(
                answer.header("content-type").as_deref() == Some("application/json"),
                "no JSON by its header"
            );
        }
        Ok(())
    }
}

/// What the names in braces stand for.
pub(crate) struct Names {
    pub(crate) stream: String,
    pub(crate) now: u64,
}

impl Names {
    pub(crate) fn new(nth: u8, age: u64) -> Names {
        let now = now();
        Names { stream: StreamId::new(now - age, [nth; 10]).to_text().as_str().to_owned(), now }
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{S}", &self.stream)
            .replace("{TS}", &(self.now - 1_000).to_string())
            .replace("{NOW}", &self.now.to_string())
    }

    /// As [`Names::fill`], of what need not be text.
    fn fill_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let pieces = bytes.utf8_chunks();
        pieces.flat_map(|piece| [self.fill(piece.valid()).as_bytes(), piece.invalid()].concat()).collect()
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// A stream line of which nothing but `tracked` is worth telling.
pub(crate) fn line(tracked: u32) -> String {
    line_with(tracked, "")
}

/// The same with more members, each with its comma in front.
pub(crate) fn line_with(tracked: u32, members: &str) -> String {
    format!("{{\"stream\":\"{{S}}\",\"v\":1,\"release\":\"1.4.2\",\"tracked\":{tracked}{members}}}\n")
}

/// A batch of plain events.
pub(crate) fn batch(numbers: Range<u32>) -> String {
    let events: String = numbers.clone().map(|number| event(number) + "\n").collect();
    format!("{{\"batch\":{},\"n\":{},\"page\":\"/cart\"}}\n{events}", numbers.start, numbers.len())
}

/// A request of a stream of which all before the batch's end was tracked.
pub(crate) fn body(numbers: Range<u32>) -> String {
    line(numbers.end) + &batch(numbers)
}

/// An event line without its line break.
pub(crate) fn event(number: u32) -> String {
    format!("{{\"type\":\"log\",\"ts\":{{TS}},\"data\":{{\"n\":{number}}}}}")
}

/// What becomes of [`batch`] in the journal.
pub(crate) fn stored(numbers: Range<u32>) -> Vec<String> {
    numbers.map(|number| journal_line(number, &format!("{{\"n\":{number}}}"))).collect()
}

/// One line of the journal, of a plain event with this data.
pub(crate) fn journal_line(number: u32, data: &str) -> String {
    format!(
        "{{\"id\":\"{{S}}.{number}\",\"ts\":{{TS}},\"received\":R,\"app\":\"sh\\\"op\",\"release\":\"1.4.2\",\"page\":\"/cart\",\"type\":\"log\",\"data\":{data}}}"
    )
}

/// A line of type `delivery`: the merged stream line from `tracked` on.
pub(crate) fn delivery(count: u32, tracked_and_after: &str) -> String {
    format!(
        "{{\"id\":\"{{S}}.~{count}\",\"ts\":R,\"received\":R,\"app\":\"sh\\\"op\",\"release\":\"1.4.2\",\"type\":\"delivery\",\"data\":{{\"stream\":\"{{S}}\",\"v\":1,\"release\":\"1.4.2\",{tracked_and_after}}}}}"
    )
}
