//! A disk that is full: nothing is said to be stored that is not, and with room again all goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use beaconry_conformance::process;
use beaconry_conformance::target::{Kind, Target};
use serde_json::json;

use crate::common::{first_ids, ids, post, store, stream};

/// A file system of 256 KiB in memory, gone when this is dropped.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    fn mount(path: &Path) -> SmallDisk {
        fs::create_dir_all(path).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=256k,mode=0777", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(path).status().unwrap();
        assert!(mounted.success(), "only root can mount a small disk: run this test as root");
        SmallDisk { path: path.to_owned() }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let disk = SmallDisk::mount(&dir.path().join("small"));
    let target = Target::start_with(Kind::Nginx, |_, settings| {
        settings.data = disk.path.clone();
        Ok(())
    })
    .unwrap();
    process::give(&disk.path).unwrap();
    store(&target, &stream(1), 0, 5);
    let mut next = 5;
    // Both ways to run out: the journal finds no room, or the index finds none after the journal did.
    let full = loop {
        let answer = post(&target, &stream(1), next, 20);
        if answer.status != 200 {
            break answer;
        }
        next += 20;
        assert!(next < 5_000, "the disk never gets full");
    };
    assert_eq!((full.status, &full.json()["error"]), (503, &json!("full")), "{}", full.body);
    assert_eq!(full.header("retry-after").as_deref(), Some("30"));
    for n in 0..20 {
        let answer = post(&target, &stream(2), n * 3, 3);
        let is_full = answer.status == 503 && answer.json()["error"] == "full";
        assert!(is_full || answer.status == 200, "{}", answer.body);
    }
    // More room, as somebody makes who sees the page.
    let grown = Command::new("mount").args(["-o", "remount,size=4m"]).arg(&disk.path).status().unwrap();
    assert!(grown.success());
    store(&target, &stream(1), next, 20);
    let stored = post(&target, &stream(2), 0, 60);
    assert_eq!(stored.body, r#"{"stored":[[0,60]],"rejected":[]}"#);
    let mut all: Vec<String> = ids(&target);
    all.sort();
    let mut expected = [first_ids(&stream(1), next + 20), first_ids(&stream(2), 60)].concat();
    expected.sort();
    assert_eq!(all, expected, "each once");
}

#[test]
fn a_lock_that_is_not_let_go_of_holds_no_process_of_the_host() {
    let target = Target::start(Kind::Nginx).unwrap();
    store(&target, &stream(1), 0, 1);
    let lock = fs::File::open(target.data().join("lock")).unwrap();
    lock.lock().unwrap();
    let answer = post(&target, &stream(1), 1, 1);
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("busy")), "{}", answer.body);
    assert_eq!(answer.header("retry-after").as_deref(), Some("2"));
    drop(lock);
    store(&target, &stream(1), 1, 1);
}
