//! A real Loki with `deploy/loki/loki.yaml`, and what it answers to LogQL.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::http;
use crate::program::{Program, free_port, named_by, wait_until};

/// The most that Loki gives for a query without being told otherwise.
const MAX_LINES: usize = 5_000;
const DAY_NANOS: u64 = 86_400_000_000_000;

/// A Loki with a folder of its own. It may be killed and started again.
#[derive(Debug)]
pub struct Loki {
    dir: TempDir,
    ports: [u16; 2],
    program: Option<Program>,
}

impl Loki {
    /// Starts one, and waits until it answers queries.
    pub fn start() -> Result<Loki> {
        let mut loki = Loki { dir: tempfile::tempdir()?, ports: [free_port()?, free_port()?], program: None };
        loki.restart()?;
        Ok(loki)
    }

    /// Starts it again, with the data and the address that it had.
    pub fn restart(&mut self) -> Result<()> {
        let [http, grpc] = self.ports;
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/loki/loki.yaml");
        let mut command = Command::new(named_by("BEACONRY_LOKI")?);
        command
            .arg(format!("-config.file={}", config.display()))
            .args(["-config.expand-env=true", "-server.http-listen-address=127.0.0.1"])
            .arg(format!("-server.http-listen-port={http}"))
            .arg(format!("-server.grpc-listen-port={grpc}"))
            .env("LOKI_DATA", self.dir.path().join("data"));
        let mut program = Program::start(command, &self.log())?;
        wait_until("Loki to answer", || {
            program.still_runs()?;
            Ok(http::get(&self.api("labels"), &[]).is_ok_and(|(status, _)| status == 200))
        })?;
        self.program = Some(program);
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.program.take().context("it does not run")?.kill()
    }

    /// Where to push.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Makes what was pushed late visible, as `chunk_idle_period` does in time.
    pub fn flush(&self) -> Result<()> {
        match http::post(&format!("{}/flush", self.url()), &[], b"")? {
            (200 | 204, _) => Ok(()),
            (status, body) => bail!("flush answers {status}: {body}"),
        }
    }

    /// How many entries a selector finds in the last 30 days, the most that Loki looks over at once. Twice the same would count twice.
    pub fn count(&self, selector: &str) -> Result<u64> {
        let query = format!("sum(count_over_time({selector}[30d]))");
        let answer = http::json(&self.api("query"), &[("query", &query)])?;
        let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
        Ok(value.map_or(Ok(0), str::parse)?)
    }

    /// Waits until that many are found; fails where it are more, or stay fewer.
    pub fn wait_for(&self, selector: &str, expected: u64) -> Result<()> {
        let mut found = 0;
        let waited = wait_until(&format!("{expected} entries of {selector}"), || {
            found = self.count(selector)?;
            Ok(found >= expected)
        });
        waited.with_context(|| format!("{found} were found"))?;
        if found > expected {
            bail!("{found} entries of {selector}, which were {expected}");
        }
        Ok(())
    }

    /// Entries around a time in unix ms: their labels and lines.
    pub fn entries(&self, selector: &str, around_ms: u64) -> Result<Vec<(Value, String)>> {
        let nanos = around_ms * 1_000_000;
        let (start, end) = ((nanos - DAY_NANOS / 2).to_string(), (nanos + DAY_NANOS / 2).to_string());
        let limit = MAX_LINES.to_string();
        let query = [("query", selector), ("start", &start), ("end", &end), ("limit", &limit)];
        let answer = http::json(&self.api("query_range"), &query)?;
        let streams = answer.pointer("/data/result").and_then(Value::as_array).context("no result")?;
        let mut entries = Vec::new();
        for stream in streams {
            let values = stream["values"].as_array().context("no values")?;
            let lines = values.iter().filter_map(|value| value[1].as_str());
            entries.extend(lines.map(|line| (stream["stream"].clone(), line.to_owned())));
        }
        Ok(entries)
    }

    fn api(&self, path: &str) -> String {
        format!("{}/loki/api/v1/{path}", self.url())
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("loki.log")
    }
}
