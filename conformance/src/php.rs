//! The drop-in as somebody uploads it: `deploy/php` in a folder of a document root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;

/// The folder below the document root.
pub const FOLDER: &str = "telemetry";

/// Settings of the host that are against us: whatever PHP has to say would stand in the answer.
const INI: &str = "display_errors = On\ndisplay_startup_errors = On\nhtml_errors = On\nerror_reporting = E_ALL\n\
                   output_buffering = 0\nlog_errors = On\nopcache.revalidate_freq = 0\n";

/// A document root with the drop-in in it.
#[derive(Debug, Clone)]
pub struct Site {
    root: PathBuf,
    /// Whether PHP has its extensions: a host may have left them out.
    pub has_extensions: bool,
    /// Whether the host reads `.htaccess`.
    pub may_override: bool,
    /// How many requests php-fpm works on at a time.
    pub workers: usize,
}

/// What config.php says.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `keys`, each with its app.
    pub keys: Vec<(String, String)>,
    /// `origins`.
    pub origins: Vec<String>,
    /// `phases`, of keys that are switched off.
    pub disabled: Vec<String>,
    /// Folders that stand before the last under `data`.
    pub first_choices: Vec<PathBuf>,
    /// The last under `data`: where everything is.
    pub data: PathBuf,
    /// `max_body`.
    pub max_body: usize,
}

impl Site {
    /// Copies the drop-in into a new document root below `dir`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn install(dir: &Path) -> Result<Self> {
        let site = Self { root: dir.to_owned(), has_extensions: true, may_override: false, workers: 4 };
        copy(&sources()?, &site.folder())?;
        fs::write(site.ini(), INI)?;
        Ok(site)
    }

    /// What the web server shows.
    pub fn document_root(&self) -> PathBuf {
        self.root.join("htdocs")
    }

    /// Where `ingest.php` is.
    pub fn folder(&self) -> PathBuf {
        self.document_root().join(FOLDER)
    }

    /// The host's php.ini.
    pub fn ini(&self) -> PathBuf {
        self.root.join("php.ini")
    }

    /// Adds to the host's php.ini.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn add_to_ini(&self, line: &str) -> Result<()> {
        let text = fs::read_to_string(self.ini())?;
        Ok(fs::write(self.ini(), format!("{text}{line}\n"))?)
    }

    /// Writes config.php, as somebody who uploads it: whole at any time.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn configure(&self, settings: &Settings) -> Result<()> {
        let keys: String =
            settings.keys.iter().map(|(key, app)| format!("{}=>{},", quote(key), quote(app))).collect();
        let origins: String = settings.origins.iter().map(|origin| quote(origin) + ",").collect();
        let phases: String =
            settings.disabled.iter().map(|key| format!("{}=>'DISABLED',", quote(key))).collect();
        let data: String = settings
            .first_choices
            .iter()
            .chain([&settings.data])
            .map(|folder| quote(&folder.to_string_lossy()) + ",")
            .collect();
        let max_body = settings.max_body;
        let text = format!(
            "<?php return ['keys'=>[{keys}],'origins'=>[{origins}],'phases'=>[{phases}],'data'=>[{data}],\
             'max_body'=>{max_body},'keep_days'=>90];\n"
        );
        self.write_config(&text)
    }

    /// Runs `rotate-logs.php`, as cron does; gives what it says.
    ///
    /// # Errors
    /// Where it fails, with what it says about that.
    pub fn rotate(&self) -> Result<String> {
        let output = self.rotation_under(&[])?.output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        Ok(said)
    }

    /// The same, not run yet, and under another program.
    ///
    /// # Errors
    /// Where there is no PHP.
    pub fn rotation_under(&self, wrapper: &[String]) -> Result<Command> {
        let php = program(&["php"])?.to_string_lossy().into_owned();
        let ini = self.ini().to_string_lossy().into_owned();
        let script = self.folder().join("rotate-logs.php").to_string_lossy().into_owned();
        let mut words = wrapper.iter().cloned().chain([php, "-c".to_owned(), ini, script]);
        let mut command = Command::new(words.next().context("no program")?);
        process::as_nobody(command.args(words));
        Ok(command)
    }

    /// Writes any text into config.php, newer than what was there by a second at least: PHP looks at no more than that.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_config(&self, text: &str) -> Result<()> {
        let (new, path) = (self.folder().join("config.new"), self.folder().join("config.php"));
        fs::write(&new, text)?;
        let before = fs::metadata(&path).and_then(|file| file.modified()).ok();
        let now = std::time::SystemTime::now();
        let second = std::time::Duration::from_secs(1);
        let time = before.map_or(now - 600 * second, |before| (before + second).min(now));
        fs::File::options().write(true).open(&new)?.set_modified(time)?;
        process::give(&new)?;
        Ok(fs::rename(new, path)?)
    }
}

/// `deploy/php` of the checkout.
///
/// # Errors
/// Where it is not there.
pub fn sources() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package lies in no folder")?;
    Ok(root.join("deploy/php"))
}

/// A program by the first of its names that is there, in the folders for servers too.
///
/// # Errors
/// Where there is none: nothing is skipped for want of it.
pub fn program(names: &[&str]) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let files = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    match files.into_iter().find(|file| file.is_file()) {
        Some(file) => Ok(file),
        None => bail!("{} is missing: run `cargo xtask setup php`", names.join(" or ")),
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
