//! A real Prometheus scrapes `GET /metrics` of a real collector.

#![allow(missing_docs, clippy::panic_in_result_fn, reason = "tests")]

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use beaconry_core::StreamId;
use beaconry_servers::http;
use beaconry_servers::journal::now;
use beaconry_servers::program::{Program, beaconry, free_port, named_by, wait_until};
use serde_json::Value;

/// A request of one batch of `events` events, as a client sends it.
fn body(stream: &str, events: u32) -> String {
    let mut body = format!(
        r#"{{"stream":"{stream}","v":1,"sdk":"beaconry/0.1.0","release":"1.4.2","session":"s","tracked":{events},"dropped":{{}},"holds":[[0,{events}]],"closed":false}}"#
    );
    body.push_str(&format!("\n{{\"batch\":0,\"n\":{events},\"page\":\"/cart\"}}\n"));
    for number in 0..events {
        body.push_str(&format!("{{\"type\":\"log\",\"ts\":{},\"data\":{{\"n\":{number}}}}}\n", now()));
    }
    body
}

#[test]
fn prometheus_reads_what_the_collector_counts() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (data, port_file) = (dir.path().join("data"), dir.path().join("port"));
    let mut serve = beaconry(["serve", "--listen", "127.0.0.1:0", "--key", "k", "--app", "shop", "--data"])?;
    serve.arg(&data).arg("--port-file").arg(&port_file);
    let mut collector = Program::start(serve, &dir.path().join("collector.log"))?;
    wait_until("the collector", || {
        collector.still_runs()?;
        Ok(fs::read_to_string(&port_file).is_ok_and(|address| address.contains(':')))
    })?;
    let collector = fs::read_to_string(&port_file)?;
    let config = dir.path().join("prometheus.yml");
    fs::write(
        &config,
        format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: beaconry\n    static_configs: [{{targets: ['{collector}']}}]\n"
        ),
    )?;
    let port = free_port()?;
    let mut command = Command::new(named_by("BEACONRY_PROMETHEUS")?);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let mut prometheus = Program::start(command, &dir.path().join("prometheus.log"))?;
    let value = |query: &str| -> Result<Option<f64>> {
        let answer = http::json(&format!("http://127.0.0.1:{port}/api/v1/query"), &[("query", query)])?;
        let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
        Ok(value.map(str::parse).transpose()?)
    };
    wait_until("Prometheus", || {
        prometheus.still_runs()?;
        Ok(http::get(&format!("http://127.0.0.1:{port}/-/ready"), &[]).is_ok_and(|(status, _)| status == 200))
    })?;
    wait_until("a scrape", || Ok(value(r#"up{job="beaconry"}"#)? == Some(1.0)))?;
    let stream = StreamId::new(now(), [7; 10]).to_text();
    let stream = stream.as_str();
    let url = format!("http://{collector}/v1/events?key=k&stream={stream}&now={}", now());
    for _ in 0..2 {
        let (status, answer) =
            http::post(&url, &[("content-type", "text/plain")], body(stream, 7).as_bytes())?;
        assert_eq!(status, 200, "{answer}");
    }
    let (status, _) = http::post(&url.replace("key=k", "key=wrong"), &[], b"")?;
    assert!(status >= 400);
    wait_until("the counters", || Ok(value("sum(beaconry_events_duplicate_total)")? == Some(7.0)))?;
    assert_eq!(value("sum(beaconry_events_stored_total)")?, Some(7.0));
    wait_until("the refusal", || Ok(value("sum(beaconry_requests_refused_total)")? == Some(1.0)))?;
    // A forwarder whose target is away: what it has not brought is seen.
    let mut forward =
        beaconry(["forward", "--to", "loki", "http://127.0.0.1:1", "--name", "away", "--data"])?;
    forward.arg(&data);
    let _forwarder = Program::start(forward, &dir.path().join("forward.log"))?;
    let lag = r#"beaconry_consumer_lag_bytes{consumer="away"}"#;
    wait_until("the forwarder's lag", || Ok(value(lag)?.is_some_and(|bytes| bytes > 0.0)))?;
    let targets = http::json(&format!("http://127.0.0.1:{port}/api/v1/targets"), &[])?;
    let error = targets.pointer("/data/activeTargets/0/lastError").context("no target")?;
    assert_eq!(error, "");
    Ok(())
}
