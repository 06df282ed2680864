use std::cell::{Cell, RefCell};

use super::*;
use crate::forward::stop::Stop;
use crate::user_agent::Agents;

/// Refuses what has the word "bad", fails over "poison", and remembers what it stored.
#[derive(Default)]
struct Picky {
    /// Pushes and probes that are answered with this first.
    trouble: Cell<Option<(Trouble, u32)>>,
    pushes: Cell<u32>,
    stored: RefCell<Vec<String>>,
}

impl Picky {
    fn troubled(trouble: Trouble, times: u32) -> Picky {
        Picky { trouble: Cell::new(Some((trouble, times))), ..Picky::default() }
    }

    fn later(&self) -> Option<Later> {
        let (trouble, times) = self.trouble.get().filter(|(_, times)| *times > 0)?;
        self.trouble.set(Some((trouble, times - 1)));
        Some(Later { after: None, why: "why".into(), trouble })
    }

    fn stored(&self) -> Vec<String> {
        let mut stored = self.stored.borrow().clone();
        stored.sort();
        stored.dedup();
        stored
    }
}

impl Target for Picky {
    fn push(&self, entries: &[Entry]) -> Outcome {
        self.pushes.set(self.pushes.get() + 1);
        if let Some(later) = self.later() {
            return Outcome::Later(later);
        }
        if entries.iter().any(|entry| entry.line.contains("poison")) {
            return Outcome::Later(Later { after: None, why: "500".into(), trouble: Trouble::Failing });
        }
        let (bad, good): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.line.contains("bad"));
        self.stored.borrow_mut().extend(good.into_iter().map(|entry| entry.id.clone()));
        bad.first().map_or(Outcome::Stored, |entry| Outcome::Refused(format!("no {}", entry.id)))
    }

    fn probe(&self) -> Option<Later> {
        self.later()
    }

    fn url(&self) -> &str {
        "http://picky"
    }
}

/// Waits take no time, and count.
struct Virtual(Instant, Cell<Duration>);

impl Virtual {
    fn new() -> Virtual {
        Virtual(Instant::now(), Cell::default())
    }
}

impl Time for Virtual {
    fn now(&self) -> Instant {
        self.0 + self.1.get()
    }

    fn wait(&self, time: Duration) -> bool {
        self.1.set(self.1.get() + time);
        false
    }
}

fn entries(words: &[&str]) -> Vec<Entry> {
    let line = |(n, word): (usize, &&str)| {
        format!(r#"{{"id":"S.{n}","ts":1,"app":"a","type":"log","data":{{"m":"{word}"}}}}"#)
    };
    let lines = words.iter().enumerate().map(line);
    lines.map(|line| Entry::parse(line.as_bytes(), &Agents::default()).unwrap()).collect()
}

fn reasons(settled: &Settled) -> Vec<&str> {
    settled.aside.iter().map(|refused| refused.reason.as_str()).collect()
}

#[test]
fn the_refused_are_found_and_all_others_stored() {
    let (target, time) = (Picky::troubled(Trouble::Away, 1), Virtual::new());
    let mut queue = Queue::new(&target, Patience::Forever, &time);
    queue.add(entries(&["ok", "bad", "ok", "ok", "ok", "bad", "ok"]));
    queue.run().unwrap();
    let settled = queue.take_settled();
    assert_eq!((settled.stored, settled.refused, queue.is_empty()), (5, 2, true));
    assert_eq!(reasons(&settled), ["no S.1", "no S.5"]);
    assert_eq!(target.stored(), ["S.0", "S.2", "S.3", "S.4", "S.6"]);
}

#[test]
fn an_entry_that_the_target_chokes_on_is_set_aside_after_its_time() {
    let (target, time) = (Picky::default(), Virtual::new());
    let mut queue = Queue::new(&target, Patience::Until(Duration::from_secs(60)), &time);
    queue.add(entries(&["ok", "ok", "poison", "ok", "ok"]));
    queue.run().unwrap();
    let settled = queue.take_settled();
    assert_eq!((settled.stored, settled.refused), (4, 1));
    assert!(reasons(&settled)[0].ends_with("while others were stored: 500"), "{settled:?}");
    assert!(time.1.get() >= CHOKED_FOR && target.pushes.get() < 40, "{:?}", target.pushes);
}

#[test]
fn an_entry_alone_waits_for_others_that_tell() {
    let (target, time) = (Picky::default(), Virtual::new());
    let mut queue = Queue::new(&target, Patience::Forever, &time);
    queue.add(entries(&["poison"]));
    while time.1.get() < CHOKED_FOR * 4 {
        queue.run().unwrap();
    }
    assert_eq!((queue.is_empty(), queue.take_settled()), (false, Settled::default()));
    queue.add(entries(&["ok"]));
    queue.run().unwrap();
    let settled = queue.take_settled();
    assert_eq!((settled.stored, settled.refused, queue.is_empty()), (1, 1, true));
}

#[test]
fn a_target_that_fails_over_everything_loses_nothing() {
    let (target, time) = (Picky::troubled(Trouble::Failing, 50), Virtual::new());
    let mut queue = Queue::new(&target, Patience::Forever, &time);
    queue.add(entries(&["ok", "ok", "ok", "ok", "ok", "ok"]));
    while !queue.is_empty() {
        queue.run().unwrap();
    }
    assert!(time.1.get() > CHOKED_FOR * 5);
    let settled = queue.take_settled();
    assert_eq!((settled.stored, settled.refused, target.stored().len()), (6, 0, 6));
}

#[test]
fn a_wrong_server_refuses_nothing_for_good() {
    struct Wrong;
    impl Target for Wrong {
        fn push(&self, _: &[Entry]) -> Outcome {
            Outcome::Refused("400".into())
        }
        fn probe(&self) -> Option<Later> {
            Some(Later::wrong("no Loki".into()))
        }
        fn url(&self) -> &str {
            "http://wrong"
        }
    }
    let time = Virtual::new();
    let mut queue = Queue::new(&Wrong, Patience::Until(Duration::from_secs(60)), &time);
    queue.add(entries(&["ok", "ok"]));
    let error = queue.run().unwrap_err().to_string();
    assert!(error.contains("no Loki") && error.contains("Check the address"), "{error}");
    assert_eq!(queue.take_settled(), Settled::default());
}

#[test]
fn who_is_waited_for_gives_up_with_the_next_step() {
    let time = Virtual::new();
    let error = |trouble, patience| {
        let target = Picky::troubled(trouble, 99);
        let mut queue = Queue::new(&target, patience, &time);
        queue.add(entries(&["ok"]));
        queue.run().unwrap_err().to_string()
    };
    let minute = Patience::Until(Duration::from_secs(60));
    assert!(error(Trouble::Wrong, minute).contains("--header-file"));
    assert!(error(Trouble::Away, Patience::Until(Duration::ZERO)).contains("Is it running"));
    assert!(error(Trouble::Failing, minute).contains("see its log"));
}

#[test]
fn nobody_is_kept_waiting_for_longer_than_they_would() {
    struct InAnHour;
    impl Target for InAnHour {
        fn push(&self, _: &[Entry]) -> Outcome {
            let after = Some(Duration::from_secs(3_600));
            Outcome::Later(Later { after, why: "429".into(), trouble: Trouble::Busy })
        }
        fn probe(&self) -> Option<Later> {
            None
        }
        fn url(&self) -> &str {
            "http://busy"
        }
    }
    let time = Virtual::new();
    let mut queue = Queue::new(&InAnHour, Patience::Until(Duration::from_secs(60)), &time);
    queue.add(entries(&["ok"]));
    let error = queue.run().unwrap_err().to_string();
    assert!(error.contains("429") && time.1.get() == Duration::ZERO, "{error}");
}

#[test]
fn a_wish_to_end_cuts_the_wait_short() {
    let stop = Stop::default();
    stop.set();
    let target = Picky::troubled(Trouble::Away, 1);
    let mut queue = Queue::new(&target, Patience::Forever, &stop);
    queue.add(entries(&["ok"]));
    assert!(matches!(queue.run(), Err(NotDelivered::Stopped)));
}

#[test]
fn a_target_that_stored_some_is_not_asked_again() {
    struct Partial;
    impl Target for Partial {
        fn push(&self, _: &[Entry]) -> Outcome {
            Outcome::StoredBut { refused: 1, reason: "too long".into() }
        }
        fn probe(&self) -> Option<Later> {
            None
        }
        fn url(&self) -> &str {
            "http://partial"
        }
    }
    let time = Virtual::new();
    let mut queue = Queue::new(&Partial, Patience::Forever, &time);
    queue.add(entries(&["a", "b", "c"]));
    queue.run().unwrap();
    let settled = queue.take_settled();
    assert_eq!((settled.stored, settled.refused, settled.aside.len()), (2, 1, 3));
    assert!(reasons(&settled)[0].starts_with("1 of these 3, the target does not say which: too long"));
}

#[test]
fn waits_double_up_to_the_cap() {
    assert_eq!(backoff(0, 1.0), BASE);
    assert_eq!(backoff(3, 0.5), BASE * 4);
    assert_eq!((backoff(40, 1.0), backoff(40, 0.0)), (CAP, FLOOR));
}
