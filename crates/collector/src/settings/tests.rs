//! Layers over each other, and what is wrong in a file.

use clap::{Args, Command, FromArgMatches};

use super::*;

/// As `serve` would, with these flags and this file.
fn resolve(flags: &[&str], file: &str) -> Result<Settings, SettingsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("beaconry.toml");
    fs::write(&path, file).unwrap();
    let command = Given::augment_args(Command::new("serve").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).unwrap_or_else(|error| panic!("{error}"));
    let given = Given::from_arg_matches(&matches).unwrap();
    Settings::resolve(given, Some(&path), &matches)
}

fn why(flags: &[&str], file: &str) -> String {
    resolve(flags, file).unwrap_err().to_string()
}

const FILE: &str = r#"
data = "/var/lib/beaconry"
listen = "127.0.0.1:4700"

[[app]]
name = "shop"
keys = ["shop-1", "shop-2"]
origins = ["https://Shop.example.com/"]

[[app]]
name = "blog"
keys = ["blog-1"]
key_per_second = 0.5
key_burst = 3

[limits]
max_body = "2MiB"
key_burst = 77
address_header = "X-Forwarded-For"

[journal]
max_file = "64MiB"
compress = true
keep_days = 30
keep_size = "10GiB"
"#;

fn source(settings: &Settings, key: &str) -> String {
    let row = settings.rows.iter().find(|row| row.key == key).unwrap();
    row.source.rsplit('/').next().unwrap().to_owned()
}

#[test]
fn a_file_says_all() {
    let settings = resolve(&[], FILE).unwrap();
    assert_eq!(settings.data, Path::new("/var/lib/beaconry"));
    assert_eq!(settings.listen.port(), 4700);
    let [shop, blog] = &settings.apps[..] else { panic!("two apps") };
    assert_eq!((&*shop.name, &shop.keys[..]), ("shop", &["shop-1".into(), "shop-2".into()][..]));
    assert_eq!(shop.origins, ["https://shop.example.com"]);
    assert_eq!(shop.rate, Rate { burst: 77, ..limits::KEY });
    assert_eq!(blog.rate, Rate { per_second: 0.5, burst: 3 });
    assert_eq!(settings.max_body, 2 * 1024 * 1024);
    assert_eq!(settings.limits.address_header.as_deref(), Some("X-Forwarded-For"));
    let keep = Keep { days: Some(30), bytes: Some(10 << 30) };
    assert_eq!(settings.journal, JournalFiles { max_file: 64 << 20, compress: true, keep });
    assert_eq!(source(&settings, "journal.compress"), "beaconry.toml");
    assert_eq!(source(&settings, "limits.address_burst"), "default");
}

#[test]
fn a_flag_wins_over_the_file() {
    let flags = ["--listen", "127.0.0.1:4800", "--compress=false", "--keep-days", "7", "--key-burst=5"];
    let settings = resolve(&flags, FILE).unwrap();
    assert_eq!((settings.listen.port(), settings.journal.compress), (4800, false));
    assert_eq!((settings.journal.keep.days, settings.journal.keep.bytes), (Some(7), Some(10 << 30)));
    assert_eq!(settings.apps[0].rate.burst, 5);
    assert_eq!(
        (source(&settings, "listen"), source(&settings, "journal.keep_days")),
        ("--listen".into(), "--keep-days".into())
    );
    assert!(resolve(&["--compress"], FILE).unwrap().journal.compress, "the flag alone is a yes");
}

#[test]
fn the_app_of_the_flags_takes_the_place_of_the_files() {
    let flags = ["--app", "demo", "--key", "k1", "--key", "k2", "--origin", "http://127.0.0.1:8080"];
    let settings = resolve(&flags, FILE).unwrap();
    let [demo] = &settings.apps[..] else { panic!("one app") };
    assert_eq!((&*demo.name, demo.keys.len()), ("demo", 2));
    assert_eq!(
        (source(&settings, "app.keys"), source(&settings, "app.name")),
        ("--key".into(), "--app".into())
    );
    assert!(why(&["--app", "demo"], FILE).contains("--app and --key belong together"));
    assert!(why(&["--origin", "http://a"], FILE).contains("--origin to both"));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    for (file, line, key) in [
        ("data = \"d\"\nlisen = \"x\"\n", "line 2", "lisen"),
        ("[journal]\nkeep_day = 3\n", "line 2", "keep_day"),
        ("data = \"d\"\n[[app]]\nname = \"a\"\nkeys = [\"k\"]\norigin = []\n", "line 5", "origin"),
        ("[jurnal]\n", "line 1", "jurnal"),
    ] {
        let error = why(&[], file);
        assert!(error.contains(line) && error.contains(key) && error.contains("beaconry.toml"), "{error}");
    }
}

#[test]
fn a_value_that_is_none_is_named_with_its_line() {
    for (file, line, what) in [
        ("data = 7\n", "line 1", "string"),
        ("\nlisten = \"localhost\"\n", "line 2", "socket address"),
        ("[[app]]\nname = \"\"\nkeys = []\n", "line 2", "it is empty"),
        (
            "[[app]]\nname = \"a\"\nkeys = [\"k\"]\norigins = [\"shop.example.com\"]\n",
            "line 4",
            "a scheme and a host",
        ),
        ("[limits]\nkey_per_second = -1.0\n", "line 2", "from 0 on"),
        ("[journal]\nkeep_size = \"much\"\n", "line 2", "much"),
        ("data = \"d\n", "line 1", "data"),
    ] {
        let error = why(&[], file);
        assert!(error.contains(line) && error.contains(what), "{error}");
    }
}

#[test]
fn what_is_missing_is_named_with_all_ways_to_give_it() {
    assert!(why(&[], "").contains("BEACONRY_DATA"));
    assert!(why(&["--data", "d"], "").contains("BEACONRY_KEYS"));
    assert!(why(&["--data", "d"], "[[app]]\nname = \"a\"\nkeys = []\n").contains("app a has no key"));
    let twice = "[[app]]\nname = \"a\"\nkeys = [\"k\"]\n[[app]]\nname = \"b\"\nkeys = [\"k\"]\n";
    assert!(why(&["--data", "d"], twice).contains("two apps have the key k"));
    assert!(
        why(&["--address-header", "X Y", "--data", "d"], "[[app]]\nname = \"a\"\nkeys = [\"k\"]\n")
            .contains("no name of a header")
    );
    let missing = read(Some(Path::new("/nowhere/b.toml"))).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/b.toml") && missing.contains("--config"), "{missing}");
}

#[test]
fn the_readmes_file_is_one() {
    let readme = include_str!("../../../../README.md");
    let file = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let settings = resolve(&[], file).unwrap();
    assert_eq!(settings.apps.len(), 2);
    // What it shows of the limits is what holds without it.
    let shown = Limits { address_header: None, ..settings.limits };
    assert_eq!((settings.apps[0].rate, shown), (limits::KEY, Limits::default()));
    assert_eq!(settings.journal.max_file, JournalFiles::default().max_file);
}
