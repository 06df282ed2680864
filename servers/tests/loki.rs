//! `beaconry forward` and `beaconry import` against a real Loki with the configuration that is shipped.

#![allow(missing_docs, clippy::panic_in_result_fn, reason = "tests")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use beaconry_servers::journal::{self, ago, lines, of_kind, text};
use beaconry_servers::loki::Loki;
use beaconry_servers::program::{Program, beaconry, run, wait_until};
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3_600);

fn forward_once(loki: &Loki, data: &Path) -> Result<String> {
    let data = data.to_str().context("a path of UTF-8")?;
    run(beaconry(["forward", "--once", "--to", "loki", &loki.url(), "--data", data, "--name", "loki"])?)
}

fn import(loki: &Loki, state: &Path, files: &[&Path]) -> Result<String> {
    let mut command = beaconry(["import", "--to", "loki", &loki.url(), "--state"])?;
    command.arg(state).args(files);
    run(command)
}

/// What the forwarder has confirmed.
fn place(data: &Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(data.join("consumers/loki.json"))?)?)
}

#[test]
fn each_line_arrives_once_byte_for_byte_and_a_repeated_push_adds_nothing() -> Result<()> {
    let (loki, data) = (Loki::start()?, tempfile::tempdir()?);
    let lines = lines("bytes", 0..1_000);
    journal::write(&data.path().join("events-2026-01-01.jsonl"), &lines)?;
    forward_once(&loki, data.path())?;
    let check = || -> Result<()> {
        let entries = loki.entries(r#"{app="bytes"}"#, journal::now())?;
        assert_eq!(entries.len(), lines.len());
        let arrived: BTreeSet<&str> = entries.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(arrived, lines.iter().map(String::as_str).collect());
        for (labels, line) in &entries {
            let line: Value = serde_json::from_str(line)?;
            assert_eq!((&labels["type"], &labels["env"]), (&line["type"], &line["env"]));
        }
        assert_eq!(loki.count(r#"{app="bytes", type="log", level="warn"}"#)?, 200);
        assert_eq!(
            loki.count(r#"{app="bytes", type="error", level="error"} | json | data_name="TypeError""#)?,
            200
        );
        Ok(())
    };
    check()?;
    // As after a crash between the answer and the place.
    fs::remove_file(data.path().join("consumers/loki.json"))?;
    forward_once(&loki, data.path())?;
    assert_eq!(place(data.path())?["stored"], 1_000);
    check()
}

#[test]
fn events_of_clients_that_were_offline_for_weeks_can_be_queried() -> Result<()> {
    let (loki, data) = (Loki::start()?, tempfile::tempdir()?);
    let ages = [Duration::ZERO, HOUR * 3, HOUR * 72, HOUR * 24 * 21];
    for (app, ages) in [("late", ages), ("early", [ages[3], ages[2], ages[1], ages[0]])] {
        let lines: Vec<String> = (0u32..)
            .zip(ages)
            .map(|(number, age)| of_kind(app, number, ago(age), "log", r#"{"level":"warn","message":"m"}"#))
            .collect();
        let dir = data.path().join(app);
        fs::create_dir(&dir)?;
        for line in &lines {
            // One a push: each meets what came before it.
            let mut file =
                File::options().create(true).append(true).open(dir.join("events-2026-01-01.jsonl"))?;
            writeln!(file, "{line}")?;
            forward_once(&loki, &dir)?;
        }
        assert!(!dir.join("refused-loki.jsonl").exists());
        loki.flush()?;
        let selector = format!(r#"{{app="{app}", env="production", type="log", level="warn"}}"#);
        loki.wait_for(&selector, 4)?;
        for (line, age) in lines.iter().zip(ages) {
            let found = loki.entries(&selector, ago(age))?;
            assert!(found.iter().any(|(_, found)| found == line), "{age:?}: {found:?}");
        }
    }
    Ok(())
}

#[test]
fn a_loki_that_is_killed_midway_has_each_event_once() -> Result<()> {
    const EVENTS: u32 = 30_000;
    let (mut loki, data) = (Loki::start()?, tempfile::tempdir()?);
    let all = lines("killed", 0..EVENTS);
    let (first, second) = all.split_at(all.len() / 2);
    let file = data.path().join("events-2026-01-01.jsonl");
    journal::write(&file, first)?;
    let dir = data.path().to_str().context("a path of UTF-8")?;
    let command = beaconry(["forward", "--to", "loki", &loki.url(), "--data", dir, "--name", "loki"])?;
    let mut forwarder = Program::start(command, &data.path().join("forward.log"))?;
    let offset = || place(data.path()).map_or(0, |place| place["offset"].as_u64().unwrap_or(0));
    wait_until("the first push", || Ok(offset() > 0))?;
    loki.kill()?;
    let at_kill = offset();
    // The day goes on in another file meanwhile.
    journal::write(&data.path().join("events-2026-01-02.jsonl"), second)?;
    wait_until("the forwarder to say so", || Ok(forwarder.output().contains("nothing is lost")))?;
    forwarder.still_runs()?;
    loki.restart()?;
    let end = text(second).len() as u64;
    wait_until("all to be delivered", || {
        let place = place(data.path())?;
        Ok(place["file"] == "events-2026-01-02.jsonl" && place["offset"] == end)
    })?;
    assert!(forwarder.terminate()?.success());
    println!("killed at {at_kill} of {} bytes", text(first).len());
    loki.wait_for(r#"{app="killed"}"#, EVENTS.into())?;
    // What was pushed again because of the crash is one entry also once the chunks are written.
    loki.flush()?;
    loki.wait_for(r#"{app="killed"}"#, EVENTS.into())
}

#[test]
fn what_loki_refuses_is_counted_and_set_aside_and_the_rest_arrives() -> Result<()> {
    let (loki, data) = (Loki::start()?, tempfile::tempdir()?);
    let mut all = lines("refused", 0..200);
    let tomorrow = journal::now() + 86_400_000;
    let long = format!(r#"{{"level":"info","message":"{}"}}"#, "x".repeat(300 * 1024));
    all.insert(20, of_kind("refused", 900, tomorrow, "log", r#"{"level":"warn"}"#));
    all.insert(150, of_kind("refused", 901, journal::now(), "log", &long));
    all.insert(77, "{\"id\":\"half a li".to_owned());
    journal::write(&data.path().join("events-2026-01-01.jsonl"), &all)?;
    forward_once(&loki, data.path())?;
    loki.wait_for(r#"{app="refused"}"#, 200)?;
    let text = fs::read_to_string(data.path().join("refused-loki.jsonl"))?;
    let refused: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut reasons: Vec<&str> = refused.iter().filter_map(|one| one["reason"].as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("too new")), "{reasons:?}");
    assert!(
        reasons.iter().any(|reason| reason.contains("entry size") || reason.contains("too long")),
        "{reasons:?}"
    );
    assert_eq!((&place(data.path())?["stored"], &place(data.path())?["refused"]), (&200.into(), &3.into()));
    // It is not tried again.
    let again = forward_once(&loki, data.path())?;
    assert!(!again.contains("set aside"), "{again}");
    Ok(())
}

#[test]
fn downloaded_files_are_imported_once_however_they_are_packed_and_cut() -> Result<()> {
    let (loki, dir) = (Loki::start()?, tempfile::tempdir()?);
    let path = |name: &str| dir.path().join(name);
    let all = lines("import", 0..3_000);
    let whole = text(&all[..1_000]);
    journal::write(&path("events-2026-01-01.jsonl"), &all[..1_000])?;
    let mut gz =
        flate2::write::GzEncoder::new(File::create(path("b.jsonl.gz"))?, flate2::Compression::fast());
    gz.write_all(text(&all[500..2_000]).as_bytes())?;
    gz.finish()?;
    let torn = format!("{}{}", text(&all[1_500..2_900]), &all[2_900][..100]);
    fs::write(path("c.jsonl.zst"), zstd::encode_all(torn.as_bytes(), 3)?)?;
    let ua = r#""ua":"Mozilla\/5.0 (X11; Linux x86_64; rv:153.0) Gecko\/20100101 Firefox\/153.0""#;
    let php = all[2_999].replace(r#""browser":"Firefox 153","os":"Linux""#, ua);
    assert!(php.contains("Mozilla"));
    fs::write(path("php.jsonl"), format!("{php}\nno event\n{php}\n"))?;
    let state = path("state");
    let files = [path("events-2026-01-01.jsonl"), path("b.jsonl.gz"), path("c.jsonl.zst"), path("php.jsonl")];
    let files: Vec<&Path> = files.iter().map(std::path::PathBuf::as_path).collect();
    let said = import(&loki, &state, &files)?;
    assert!(said.contains("brought 2901 events"), "{said}");
    assert!(
        said.contains("1001 known before")
            && said.contains("1 no events")
            && said.contains("1 last lines torn"),
        "{said}"
    );
    loki.wait_for(r#"{app="import"}"#, 2_901)?;
    let found = loki.entries(r#"{app="import"} |= "AZq0journalOfTheTestsA.2999\"" "#, journal::now())?;
    assert_eq!(found.iter().map(|(_, line)| line).collect::<Vec<_>>(), [&all[2_999]]);
    // The whole file of the torn one comes with the next download.
    fs::write(path("c.jsonl.zst"), zstd::encode_all(text(&all[1_500..]).as_bytes(), 3)?)?;
    let said = import(&loki, &state, &files)?;
    assert!(said.contains("brought 99 events"), "{said}");
    loki.wait_for(r#"{app="import"}"#, 3_000)?;
    assert!(!whole.is_empty() && import(&loki, &state, &files)?.contains("brought 0 events"));
    Ok(())
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() -> Result<()> {
    const EVENTS: u32 = 40_000;
    let (loki, dir) = (Loki::start()?, tempfile::tempdir()?);
    let file = dir.path().join("events-2026-01-01.jsonl");
    journal::write(&file, &lines("resumed", 0..EVENTS))?;
    let state = dir.path().join("state");
    let mut command = beaconry(["import", "--to", "loki", &loki.url(), "--state"])?;
    command.arg(&state).arg(&file);
    let mut first = Program::start(command, &dir.path().join("import.log"))?;
    wait_until("the first events", || Ok(loki.count(r#"{app="resumed"}"#)? > 0))?;
    first.kill()?;
    let said = import(&loki, &state, &[&file])?;
    assert!(!said.contains("brought 40000 events") && said.contains("known before"), "{said}");
    loki.wait_for(r#"{app="resumed"}"#, EVENTS.into())
}
