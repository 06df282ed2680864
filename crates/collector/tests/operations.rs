//! What an operator does with the real program: rotates, packs, deletes, checks a configuration, runs out of disk.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use beaconry_core::StreamId;
use common::process::{Server, beaconry, exchange, now, send};
use common::{body, journal_text, range};

fn stream(n: u8) -> StreamId {
    StreamId::new(now(), [n; 10])
}

fn names(data: &Path) -> Vec<String> {
    let names = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("events")).collect();
    names.sort();
    names
}

fn rotate(data: &Path, flags: &[&str]) -> Output {
    let output = beaconry().arg("rotate").arg("--data").arg(data).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].concat().iter().map(|byte| *byte as char).collect()
}

fn place(data: &Path, consumer: &str, file: &str, offset: u64) {
    fs::create_dir_all(data.join("consumers")).unwrap();
    let place = format!("{{\"file\":\"{file}\",\"offset\":{offset}}}");
    fs::write(data.join("consumers").join(format!("{consumer}.json")), place).unwrap();
}

#[test]
fn rotate_beside_a_running_server_closes_packs_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir.path(), &["--compress"]);
    let data = dir.path().join("data");
    assert!(said(&rotate(&data, &[])).contains("nothing to close"), "before anything was written");
    let id = stream(2);
    assert!(server.post(id, &body(id, range(0, 3))).is_some());
    let before = journal_text(&data);
    let first = names(&data).pop().unwrap();
    // A consumer that has not read it keeps it as it is.
    place(&data, "slow", &first, 5);
    let told = said(&rotate(&data, &[]));
    assert!(told.contains(&format!("closed {first}")) && !told.contains("packed"), "{told}");
    assert!(names(&data).contains(&first));
    assert!(server.post(id, &body(id, range(3, 5))).is_some(), "the server goes on in the next file");
    place(&data, "slow", &first, before.len() as u64);
    let told = said(&rotate(&data, &[]));
    assert!(told.contains(&format!("packed {first}.zst")), "{told}");
    assert!(!names(&data).contains(&first) && names(&data).contains(&format!("{first}.zst")));
    let packed = zstd::decode_all(&fs::read(data.join(format!("{first}.zst"))).unwrap()[..]).unwrap();
    assert_eq!(String::from_utf8(packed).unwrap(), before);
    let answer = server.post(id, &body(id, range(0, 6))).unwrap();
    assert!(answer.contains("[[0,6]]"), "{answer}");
    assert!(!data.join("rotate.json").exists() && !data.join("rotated.json").exists());
}

#[test]
fn rotate_without_a_server_does_it_itself_and_the_next_server_goes_on_behind() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let id = stream(1);
    let server = Server::start(dir.path());
    assert!(server.post(id, &body(id, range(0, 3))).is_some());
    server.terminate();
    let first = names(&data).pop().unwrap();
    let told = said(&rotate(&data, &["--compress"]));
    assert!(told.contains("closed") && told.contains("packed"), "{told}");
    let told = said(&rotate(&data, &["--keep-size", "1B"]));
    assert!(told.contains("nothing to close") && told.contains(&format!("deleted {first} (size)")), "{told}");
    let server = Server::start(dir.path());
    let answer = server.post(id, &body(id, range(0, 5))).unwrap();
    assert!(answer.contains("[[0,5]]"), "{answer}");
    assert_eq!(journal_text(&data).lines().count(), 2, "what was deleted is known, and not stored again");
}

#[test]
fn a_file_that_had_to_go_unread_is_told_loudly() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(dir.path());
    let id = stream(1);
    assert!(server.post(id, &body(id, range(0, 3))).is_some());
    server.terminate();
    let len = journal_text(&data).len();
    place(&data, "loki", "", 0);
    let told = said(&rotate(&data, &["--compress", "--keep-size", "1B"]));
    assert!(told.contains("deleted") && !told.contains("packed"), "{told}");
    let loud = told.lines().find(|line| line.contains("ERROR")).unwrap();
    assert!(
        loud.contains("loki") && loud.contains(&len.to_string()) && loud.contains("lost to it"),
        "{loud}"
    );
}

#[test]
fn rotate_is_told_what_is_wrong() {
    let output = beaconry().args(["rotate", "--data", "/nowhere/at/all"]).output().unwrap();
    assert!(!output.status.success() && said(&output).contains("that the server was given with --data"));
    let output = beaconry().arg("rotate").output().unwrap();
    assert!(!output.status.success() && said(&output).contains("BEACONRY_DATA"), "{}", said(&output));
}

#[test]
fn config_check_says_where_each_value_comes_from_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("beaconry.toml");
    let config = "data = \"d\"\n[[app]]\nname = \"shop\"\nkeys = [\"a\"]\n[journal]\nkeep_days = 30\n";
    fs::write(&file, config).unwrap();
    let check = |flags: &[&str]| {
        let mut command = beaconry();
        command.current_dir(dir.path()).args(["config", "check", "--config", "beaconry.toml"]).args(flags);
        command.env("BEACONRY_COMPRESS", "true").env("BEACONRY_KEEP_DAY", "3");
        command.output().unwrap()
    };
    let output = check(&["--listen", "127.0.0.1:4711"]);
    let told = said(&output);
    assert!(output.status.success(), "{told}");
    for (key, value, source) in [
        ("data", "d", "beaconry.toml"),
        ("listen", "127.0.0.1:4711", "--listen"),
        ("journal.compress", "true", "BEACONRY_COMPRESS"),
        ("journal.keep_days", "30", "beaconry.toml"),
        ("limits.key_burst", "10000", "default"),
        ("app.keys", "a", "beaconry.toml"),
    ] {
        let is_row = |line: &&str| line.split_whitespace().eq([key, value, source]);
        assert!(told.lines().any(|line| is_row(&line)), "no {key} {value} {source} in\n{told}");
    }
    assert!(told.contains("app shop has no origins"), "{told}");
    assert!(told.contains("BEACONRY_KEEP_DAY is set, and is no variable"), "{told}");

    let output = check(&["--data", "/proc/nowhere"]);
    assert!(
        !output.status.success() && said(&output).contains("problem: /proc/nowhere"),
        "{}",
        said(&output)
    );
    fs::write(&file, "data = \"d\"\nkep_days = 3\n").unwrap();
    let output = check(&[]);
    assert!(!output.status.success() && said(&output).contains("line 2"), "{}", said(&output));
}

#[test]
fn serve_takes_its_configuration_from_file_variables_and_flags() {
    let dir = tempfile::tempdir().unwrap();
    let config = "[[app]]\nname = \"shop\"\nkeys = [\"k\"]\n[[app]]\nname = \"blog\"\nkeys = [\"b\"]\n";
    fs::write(dir.path().join("beaconry.toml"), config).unwrap();
    let file = dir.path().join("beaconry.toml");
    let server = Server::start_as(dir.path(), |command| {
        command.arg("--config").arg(&file).env("BEACONRY_LISTEN", "127.0.0.1:0");
    });
    for (n, key, app) in [(1, "k", "shop"), (2, "b", "blog")] {
        let id = stream(n);
        assert!(send(&mut server.connect(), key, id, &body(id, range(0, 1))).is_some());
        assert!(journal_text(&dir.path().join("data")).contains(&format!("\"app\":\"{app}\"")));
    }
    let id = stream(3);
    assert!(send(&mut server.connect(), "x", id, &body(id, range(0, 1))).is_none());
}

#[test]
fn a_full_disk_is_a_503_that_loses_nothing_and_ends_when_there_is_room() {
    const THIS: &str = "a_full_disk_is_a_503_that_loses_nothing_and_ends_when_there_is_room";
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    let Some(disk) = Tmpfs::mount(&dir.path().join("data"), "8m") else {
        return as_root_of_a_namespace(THIS);
    };
    let server = Server::start(dir.path());
    let id = stream(1);
    let mut socket = server.connect();
    assert!(send(&mut socket, "k", id, &body(id, range(0, 3))).is_some());
    let before = journal_text(&disk.0);

    let ballast = disk.0.join("ballast");
    let mut full = File::create(&ballast).unwrap();
    while full.write_all(&[0; 4096]).is_ok() {}
    let mut stored = 3;
    let refusal = loop {
        // What is left of the last page takes a few events yet.
        let (status, head, told) =
            exchange(&mut socket, "k", id, &body(id, range(stored, stored + 3))).unwrap();
        if status != 200 {
            break (status, head, told);
        }
        stored += 3;
    };
    assert!(refusal.0 == 503 && refusal.2.contains("\"error\":\"full\""), "{refusal:?}");
    assert!(refusal.1.to_lowercase().contains("retry-after: 30"), "{}", refusal.1);
    for _ in 0..20 {
        let (status, ..) = exchange(&mut socket, "k", id, &body(id, range(stored, stored + 90))).unwrap();
        assert_eq!(status, 503);
    }
    assert!(server.get("/healthz").starts_with("HTTP/1.1 503 ") && server.get("/healthz").contains("full"));
    assert!(server.get("/metrics").contains("beaconry_disk_full 1"));

    drop(full);
    fs::remove_file(ballast).unwrap();
    let (well, metrics) = (server.get("/healthz"), server.get("/metrics"));
    assert!(well.starts_with("HTTP/1.1 200 "), "there is room again: {well}\n{metrics}");
    let answer = send(&mut socket, "k", id, &body(id, range(stored, stored + 90))).unwrap();
    assert!(answer.contains(&format!("[[0,{}]]", stored + 90)), "{answer}");
    assert!(server.get("/metrics").contains("beaconry_disk_full 0"));
    let text = journal_text(&disk.0);
    assert!(text.starts_with(&before));
    assert_eq!(text.lines().count(), stored as usize + 90, "each is there once");
    server.terminate();
    let server = Server::start(dir.path());
    let answer = server.post(id, &body(id, range(0, 1))).unwrap();
    assert!(answer.contains(&format!("[[0,{}]]", stored + 90)), "{answer}");
}

#[test]
fn a_directory_that_may_not_be_written_to_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("beaconry");
    // By a process of its own: what another test starts meanwhile would inherit this one's open file, which then may not be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_beaconry")).arg(&program).status().unwrap();
    assert!(copied.success());
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    for (path, mode) in [(dir.path(), 0o755), (&data, 0o555)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let run = |arguments: &[&str]| {
        // Root may write anywhere: another user tries.
        let is_root = fs::metadata(&data).unwrap().uid() == 0;
        let mut command = Command::new(if is_root { "setpriv" } else { "env" });
        if is_root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        let output = command.arg(&program).args(arguments).arg("--data").arg(&data).output().unwrap();
        assert!(!output.status.success());
        said(&output)
    };
    let app = ["--key", "k", "--app", "shop"];
    let told = run(&[&["serve", "--listen", "127.0.0.1:0"], &app[..]].concat());
    assert!(told.contains("Permission denied") && told.contains("--data"), "{told}");
    let told = run(&[&["config", "check"], &app[..]].concat());
    assert!(told.contains("Permission denied") && told.contains("Make it writable"), "{told}");
    let told = run(&["rotate"]);
    assert!(told.contains("Permission denied") && told.contains("--data"), "{told}");
}

/// A small file system of its own, where one may be mounted.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(path: &Path, size: &str) -> Option<Tmpfs> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "beaconry-test"]).arg(path);
        mount.status().unwrap().success().then(|| Tmpfs(path.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Runs a test again where this user is root, and may mount.
fn as_root_of_a_namespace(test: &str) {
    const AGAIN: &str = "BEACONRY_TEST_AGAIN";
    assert!(std::env::var_os(AGAIN).is_none(), "no tmpfs can be mounted: run this test as root");
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount"]).arg(std::env::current_exe().unwrap());
    let again = unshare.args(["--exact", test, "--nocapture"]).env(AGAIN, "1").status().unwrap();
    assert!(
        again.success(),
        "failed as root of a namespace; run this test as root to see whether that is why"
    );
}
