//! `--to otlp` against a real OpenTelemetry Collector, and against Loki's own endpoint for OTLP.

#![allow(missing_docs, clippy::panic_in_result_fn, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use beaconry_servers::journal::{self, STREAM, lines};
use beaconry_servers::loki::Loki;
use beaconry_servers::program::{Program, beaconry, free_port, named_by, run, wait_until};
use tempfile::TempDir;

/// An OpenTelemetry Collector that prints all it is sent.
struct Otelcol {
    dir: TempDir,
    port: u16,
    program: Option<Program>,
}

impl Otelcol {
    fn start() -> Result<Otelcol> {
        let mut otelcol = Otelcol { dir: tempfile::tempdir()?, port: free_port()?, program: None };
        let config = otelcol.dir.path().join("otelcol.yaml");
        let endpoint = format!("127.0.0.1:{}", otelcol.port);
        fs::write(
            &config,
            format!(
                "receivers: {{otlp: {{protocols: {{http: {{endpoint: '{endpoint}'}}}}}}}}\n\
                 exporters: {{debug: {{verbosity: detailed}}}}\n\
                 service:\n  telemetry: {{metrics: {{level: none}}}}\n  \
                 pipelines: {{logs: {{receivers: [otlp], exporters: [debug]}}}}\n"
            ),
        )?;
        otelcol.restart()?;
        Ok(otelcol)
    }

    fn restart(&mut self) -> Result<()> {
        let mut command = Command::new(named_by("BEACONRY_OTELCOL")?);
        command.arg("--config").arg(self.dir.path().join("otelcol.yaml"));
        let mut program = Program::start(command, &self.dir.path().join("otelcol.log"))?;
        let before = self.output().matches("Everything is ready").count();
        wait_until("the OpenTelemetry Collector", || {
            program.still_runs()?;
            Ok(program.output().matches("Everything is ready").count() > before)
        })?;
        self.program = Some(program);
        Ok(())
    }

    fn output(&self) -> String {
        fs::read_to_string(self.dir.path().join("otelcol.log")).unwrap_or_default()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn forward_once(url: &str, data: &Path) -> Result<String> {
    let data = data.to_str().context("a path of UTF-8")?;
    run(beaconry(["forward", "--once", "--to", "otlp", url, "--data", data, "--name", "otlp"])?)
}

#[test]
fn a_collector_of_opentelemetry_reads_every_event_by_the_conventions() -> Result<()> {
    let (otelcol, data) = (Otelcol::start()?, tempfile::tempdir()?);
    let file = data.path().join("events-2026-01-01.jsonl");
    journal::write(&file, &lines("shop", 0..3_000))?;
    forward_once(&otelcol.url(), data.path())?;
    let uid = |number: u32| format!("log.record.uid: Str({STREAM}.{number})\n");
    wait_until("the last record", || Ok(otelcol.output().contains(&uid(2_999))))?;
    let output = otelcol.output();
    for number in 0..3_000 {
        assert_eq!(output.matches(&uid(number)).count(), 1, "event {number}");
    }
    // The second event is an error: what is printed of it.
    let records: Vec<&str> = output.split("LogRecord #").collect();
    let error = records.iter().find(|record| record.contains(&uid(1))).context("no error")?;
    let event: serde_json::Value = serde_json::from_str(&lines("shop", 1..2)[0])?;
    assert_eq!(event["type"], "error");
    for said in [
        "SeverityText: error",
        "SeverityNumber: Error(17)",
        "EventName: exception",
        "Body: Str(TypeError: payment refused)",
        "exception.type: Str(TypeError)",
        "exception.message: Str(payment refused)",
        "exception.stacktrace: Str(at pay (cart.js:7:3))",
        "session.id: Str(s-1)",
        "user.id: Str(u-4711)",
        "url.path: Str(/cart)",
        "user_agent.name: Str(Firefox)",
        "user_agent.version: Str(153)",
        "user_agent.os.name: Str(Linux)",
        "handled",
    ] {
        assert!(error.contains(said), "{said} is missing: {error}");
    }
    for said in [
        "service.name: Str(shop)",
        "service.version: Str(1.4.2)",
        "deployment.environment.name: Str(production)",
    ] {
        assert!(output.contains(said), "{said} is missing");
    }
    let vital = records.iter().find(|record| record.contains(&uid(4))).context("no vital")?;
    assert!(
        vital.contains("EventName: browser.web_vital")
            && vital.contains("browser.web_vital.value: Double(1840.5)"),
        "{vital}"
    );
    Ok(())
}

#[test]
fn a_collector_of_opentelemetry_that_is_killed_midway_misses_nothing() -> Result<()> {
    let (mut otelcol, data) = (Otelcol::start()?, tempfile::tempdir()?);
    journal::write(&data.path().join("events-2026-01-01.jsonl"), &lines("shop", 0..500))?;
    let dir = data.path().to_str().context("a path of UTF-8")?;
    let command = beaconry(["forward", "--to", "otlp", &otelcol.url(), "--data", dir])?;
    let mut forwarder = Program::start(command, &data.path().join("forward.log"))?;
    wait_until("the first half", || Ok(otelcol.output().contains(&format!("{STREAM}.499)"))))?;
    otelcol.program.take().context("it does not run")?.kill()?;
    journal::write(&data.path().join("events-2026-01-02.jsonl"), &lines("shop", 500..1_000))?;
    wait_until("the forwarder to say so", || Ok(forwarder.output().contains("nothing is lost")))?;
    otelcol.restart()?;
    wait_until("the second half", || Ok(otelcol.output().contains(&format!("{STREAM}.999)"))))?;
    assert!(forwarder.terminate()?.success());
    let output = otelcol.output();
    let missing = (0..1_000).filter(|number| !output.contains(&format!("{STREAM}.{number})"))).count();
    assert_eq!(missing, 0);
    Ok(())
}

#[test]
fn lokis_own_endpoint_stores_a_repeated_export_once() -> Result<()> {
    let (loki, data) = (Loki::start()?, tempfile::tempdir()?);
    journal::write(&data.path().join("events-2026-01-01.jsonl"), &lines("otlp", 0..1_000))?;
    let url = format!("{}/otlp", loki.url());
    let selector = r#"{service_name="otlp"}"#;
    for _ in 0..2 {
        forward_once(&url, data.path())?;
        loki.wait_for(selector, 1_000)?;
        fs::remove_file(data.path().join("consumers/otlp.json"))?;
    }
    let errors =
        r#"{service_name="otlp"} | exception_type="TypeError" | user_id="u-4711" |= "payment refused""#;
    assert_eq!(loki.count(errors)?, 200);
    loki.flush()?;
    loki.wait_for(selector, 1_000)
}
