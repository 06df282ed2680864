//! What is missing is told on a clear page, and to a client as a 503, for which it keeps what it has.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use beaconry_conformance::http;
use beaconry_conformance::php::{Settings, Site};
use beaconry_conformance::process;
use beaconry_conformance::target::{Kind, Target};
use serde_json::json;

use crate::common::{page, post, store, stream};

/// A person reads `told`, a client `setup`; mended, the next request is stored.
fn tells(target: &Target, told: &str) {
    let shown = page(target);
    assert_eq!(shown.status, 503, "{}", shown.body);
    assert!(shown.body.contains("cannot store events") && shown.body.contains(told), "{}", shown.body);
    let answer = post(target, &stream(1), 0, 1);
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("setup")), "{}", answer.body);
    assert_eq!(answer.header("retry-after").as_deref(), Some("30"));
    assert!(
        answer.json()["message"].as_str().unwrap().contains(told.split('&').next().unwrap()),
        "{}",
        answer.body
    );
}

fn start(change: impl Fn(&mut Site, &mut Settings)) -> Target {
    Target::start_with(Kind::Nginx, |site, settings| {
        change(site, settings);
        Ok(())
    })
    .unwrap()
}

#[test]
fn a_host_that_has_all_is_said_to_be_ready() {
    for kind in Kind::PHP {
        let target = Target::start(kind).unwrap();
        let shown = page(&target);
        assert!(shown.status == 405 && shown.body.contains("Beaconry is ready"), "{}", shown.body);
        assert!(shown.header("content-type").unwrap().starts_with("text/html"));
    }
}

#[test]
fn a_missing_extension_is_named() {
    for kind in Kind::PHP {
        let target = Target::start_with(kind, |site, _| {
            site.has_extensions = false;
            Ok(())
        });
        tells(&target.unwrap(), "pdo_sqlite is missing");
    }
}

#[test]
fn a_function_that_the_host_has_switched_off_is_named() {
    let target = start(|site, _| {
        site.add_to_ini("disable_functions = fsync,ini_set,error_log,opcache_invalidate,ignore_user_abort")
            .unwrap();
    });
    tells(&target, "The PHP function fsync is switched off");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let target =
        start(|_, settings| fs::set_permissions(&settings.data, fs::Permissions::from_mode(0o555)).unwrap());
    tells(&target, &format!("The folder {} cannot be written to", target.data().display()));
    fs::set_permissions(target.data(), fs::Permissions::from_mode(0o755)).unwrap();
    store(&target, &stream(1), 0, 1);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let target = start(|_, settings| settings.data = "/proc/no/folder".into());
    tells(&target, "None of the folders under `data` in config.php can be made");
}

#[test]
fn the_next_folder_is_taken_where_the_host_does_not_let_one_out() {
    let target = start(|site, settings| {
        site.add_to_ini(&format!("open_basedir = {}", site.document_root().display())).unwrap();
        settings.first_choices = vec!["/var/beaconry-data".into(), "/beaconry-data".into()];
        settings.data = site.folder().join("data");
    });
    store(&target, &stream(1), 0, 2);
    assert_eq!(page(&target).status, 405);
    assert_eq!(target.journal().unwrap().len(), 2);
}

#[test]
fn a_config_with_a_mistake_is_told_where() {
    let target = start(|_, _| {});
    let site = target.site().unwrap();
    let valid = "'keys'=>['k'=>'a'],'origins'=>['https://a.example'],'data'=>['/d']";
    let cases = [
        ("<?php return ['keys' => ;", "config.php, line 1: syntax error"),
        ("<?php return ['keys'", "config.php, line 1: Unclosed"),
        ("<?php return 7;", "config.php returns no array"),
        ("<?php echo 1 / 0;", "config.php, line 1: Division by zero"),
        ("<?php return $missing;", "config.php, line 1: Undefined variable $missing"),
        ("<?php return [];", "config.php: `keys` is missing"),
        ("<?php return ['keys'=>['shop'],'origins'=>[],'data'=>['/d']];", "name each key&#039;s app"),
        (
            "<?php return ['keys'=>['k'=>''],'origins'=>[],'data'=>['/d']];",
            "`keys` has to be a list of texts",
        ),
        (&format!("<?php return [{valid},'orgins'=>[]];"), "there is no `orgins`"),
        (&format!("<?php return [{}];", valid.replace("'/d'", "'d'")), "`data` has to name whole paths"),
        (&format!("<?php return [{valid},'max_body'=>'1M'];"), "`max_body` has to be a number"),
        (
            &format!("<?php return [{valid},'phases'=>['k'=>'OFF']];"),
            "a phase is ENABLED or DISABLED, not `OFF`",
        ),
        (
            &format!("<?php return [{}];", valid.replace("https://a.example", "a.example")),
            "`a.example` is no origin",
        ),
    ];
    for (text, told) in cases {
        site.write_config(text).unwrap();
        tells(&target, told);
    }
    fs::remove_file(site.folder().join("config.php")).unwrap();
    tells(&target, "config.php is missing: copy config.example.php");
}

#[test]
fn what_a_config_says_by_mistake_is_in_no_answer() {
    let target = start(|_, _| {});
    let site = target.site().unwrap();
    let text = fs::read_to_string(site.folder().join("config.php")).unwrap();
    // An editor's byte order mark, and a line behind the end.
    site.write_config(&format!("\u{feff}{text}?>\n\n<p>hello</p>\n")).unwrap();
    store(&target, &stream(1), 0, 1);
}

#[test]
fn a_file_that_was_not_uploaded_is_no_page_of_phps() {
    let target = start(|site, _| fs::remove_file(site.folder().join("lib/Wire/Ranges.php")).unwrap());
    let answer = post(&target, &stream(1), 0, 1);
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("disk")), "{}", answer.body);
    assert!(!answer.body.contains("Ranges"), "{}", answer.body);
}

#[test]
fn phps_own_limit_of_a_body_is_none_of_ours() {
    for kind in Kind::PHP {
        // What PHP says about it before a script begins, no script can take back.
        let ini = "post_max_size = 1K\ndisplay_errors = Off";
        let target = Target::start_with(kind, |site, _| site.add_to_ini(ini)).unwrap();
        store(&target, &stream(1), 0, 100);
    }
}

#[test]
fn memory_that_ran_out_is_a_503_and_nothing_is_stored() {
    let target = start(|site, _| site.add_to_ini("memory_limit = 2M").unwrap());
    let answer = post(&target, &stream(1), 0, 6_000);
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("disk")), "{}", answer.body);
    assert_eq!(target.journal().unwrap().len(), 0);
    store(&target, &stream(1), 0, 1);
}

#[test]
fn a_host_that_lets_one_override_serves_nothing_but_the_entry() {
    let target = Target::start_with(Kind::Apache, |site, settings| {
        site.may_override = true;
        settings.data = site.folder().join("data");
        Ok(())
    });
    let target = target.unwrap();
    store(&target, &stream(1), 0, 1);
    let get = |path: &str| http::send(target.address(), "GET", path, &[], b"").unwrap().status;
    for path in [
        "",
        "config.php",
        "lib/autoload.php",
        "README.md",
        "data/",
        "data/lock",
        "data/index.html",
        "rotate-logs.php",
    ] {
        assert_eq!(get(&format!("/telemetry/{path}")), 403, "{path}");
    }
    // PHP itself has a word about a form with so many fields, before any script begins.
    let fields = "a&".repeat(2_000);
    let answer = target.send(
        "POST",
        "?key=no",
        &[("content-type".into(), "application/x-www-form-urlencoded".into())],
        fields.as_bytes(),
    );
    assert!(answer.unwrap().body.starts_with("{\"error\":\"key\""));
}

#[test]
fn the_example_is_a_config_that_works() {
    let target = start(|_, _| {});
    let site = target.site().unwrap();
    let example = fs::read_to_string(site.folder().join("config.example.php")).unwrap();
    // What everybody changes: the key, the origin.
    let text = example.replace("a-public-key", "key-1");
    site.write_config(&text).unwrap();
    let shown = page(&target);
    assert!(shown.status == 405 && shown.body.contains("Beaconry is ready"), "{}", shown.body);
    store(&target, &stream(1), 0, 1);
    process::give(&site.folder()).unwrap();
    // The folder beside the document root, for the one that is shown lies directly in it.
    let beside = site.document_root().parent().unwrap().join("beaconry-data");
    assert!(beside.join("index.html").is_file());
    assert!(!site.folder().join("data").exists());
}
