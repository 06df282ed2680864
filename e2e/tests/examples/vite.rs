//! The Vite app: by its development server, and built and previewed in each phase of the flag.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use beaconry_e2e::browser::{Browser, Engine, Scheme};
use beaconry_e2e::collector::{Collector, free_address};
use beaconry_e2e::process::Process;
use beaconry_e2e::proxy::Proxy;
use beaconry_e2e::wait;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::{click, example, has_rows, is_off};

const KEY: &str = "vite-key";
const MODE: &str = "document.querySelector('#telemetry')?.textContent";

/// The app with its collector; in front of that the proxy, which knows what was sent.
struct Shop {
    collector: Collector,
    proxy: Proxy,
    address: SocketAddr,
    app: PathBuf,
    folder: TempDir,
}

impl Shop {
    async fn open() -> Result<Self> {
        let (folder, address) = (TempDir::with_prefix("beaconry-vite-")?, free_address()?);
        let origin = format!("http://{address}");
        let mut collector = Collector::new(&folder.path().join("data"), KEY, "vite-app", &[origin])?;
        collector.start().await?;
        let proxy = Proxy::start(collector.address()).await?;
        Ok(Self { collector, proxy, address, app: example("vite-app")?, folder })
    }

    /// Vite with the environment of a phase.
    fn vite(&self, phase: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.arg("node_modules/vite/bin/vite.js").args(arguments).current_dir(&self.app);
        command
            .env("VITE_TELEMETRY_URL", format!("http://{}/v1/events", self.proxy.address()))
            .env("VITE_TELEMETRY_TOKEN", KEY)
            .env("VITE_TELEMETRY_FLAG", phase)
            .env("VITE_TELEMETRY_ROLLOUT", "50")
            .env("VITE_APP", "vite-app")
            .env("VITE_RELEASE", "1.4.2");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Builds it for a phase, and serves that.
    async fn preview(&self, phase: &str) -> Result<Process> {
        let out = self.folder.path().join(phase);
        let out = out.to_str().context("the folder's name is no UTF-8")?;
        let status =
            self.vite(phase, &["build", "--logLevel=error", "--emptyOutDir", "--outDir", out]).status()?;
        ensure!(status.success(), "vite build ended with {status}");
        self.serve(phase, &["preview", "--outDir", out]).await
    }

    async fn serve(&self, phase: &str, how: &[&str]) -> Result<Process> {
        let port = self.address.port().to_string();
        let arguments = [how, &["--host", "127.0.0.1", "--strictPort", "--port", &port]].concat();
        let server = Process::start(&mut self.vite(phase, &arguments))?;
        let page = format!("http://{}/", self.address);
        wait::until("Vite serves", || async { Ok(reqwest::get(&page).await.ok().map(drop)) }).await?;
        Ok(server)
    }

    async fn visit(&self, profile: &str) -> Result<Browser> {
        let profile: PathBuf = Path::new(self.folder.path()).join(profile);
        let browser = Browser::start(Engine::default(), &profile, Scheme::default()).await?;
        browser.goto(&format!("http://{}/", self.address)).await?;
        Ok(browser)
    }
}

/// What a visitor does.
async fn shop(browser: &Browser) -> Result<()> {
    browser.wait_for(&format!("{MODE} === 'wasm'")).await?;
    for _ in 0..4 {
        click(browser, "#view button").await?;
    }
    for selector in ["#pay", "#throw", "#reject", "a[href=\"/cart\"]"] {
        click(browser, selector).await?;
    }
    browser.wait_for("document.querySelector('#view').textContent.includes('Together')").await.map(drop)
}

async fn has_all(shop: &Shop) -> Result<()> {
    has_rows(
        &shop.collector.journal(),
        &[
            ("log", "the cart is full", &[], &[("level", json!("warn")), ("items", json!(4))]),
            (
                "error",
                "/api/pay answered 503",
                &["stack"],
                &[("log", json!("the payment failed")), ("items", json!(4))],
            ),
            (
                "error",
                "the shelf is empty",
                &["stack"],
                &[("handled", json!(false)), ("source", json!("wrap"))],
            ),
            ("error", "nobody waits for this", &["stack"], &[("source", json!("promise"))]),
            (
                "error",
                "POST /api/pay answered 503",
                &["duration"],
                &[("status", json!(503)), ("url", json!("/api/pay"))],
            ),
            ("metric", "render", &["value"], &[("unit", json!("ms"))]),
            ("metric", "show", &["value"], &[("path", json!("/cart"))]),
            (
                "metric",
                "response_time",
                &["value", "wait"],
                &[("url", json!("/api/shelf")), ("status", json!(200))],
            ),
            ("event", "added to cart", &[], &[("part", json!("shop")), ("item", json!(0))]),
            ("event", "page_view", &["navigation"], &[("route", json!("/"))]),
            ("event", "route_change", &[], &[("route", json!("/cart")), ("from", json!("/"))]),
            ("vital", "LCP", &["value", "rating", "elementRenderDelay"], &[]),
            ("vital", "INP", &["value", "rating", "interactionType"], &[]),
            ("vital", "CLS", &["value", "rating"], &[]),
            ("vital", "FCP", &["value", "rating", "firstByteToFCP"], &[]),
            ("vital", "TTFB", &["value", "rating", "requestDuration"], &[]),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn built_and_enabled_every_row_of_the_table_is_in_the_journal() -> Result<()> {
    let app = Shop::open().await?;
    let _server = app.preview("ENABLED").await?;
    let browser = app.visit("profile").await?;
    shop(&browser).await?;
    devtools_link_lines_to_their_callers(&app, &browser).await?; // by the source map
    browser.goto("about:blank").await?;
    has_all(&app).await?;
    let caused =
        app.collector.journal().event("error", |data| data["message"] == "the shelf is empty").await?;
    ensure!(caused.data()["cause"]["message"] == "no item 7", "{}", caused.data());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_development_server_it_is_the_same() -> Result<()> {
    let app = Shop::open().await?;
    let _server = app.serve("ENABLED", &[]).await?;
    let browser = app.visit("profile").await?;
    shop(&browser).await?;
    devtools_link_lines_to_their_callers(&app, &browser).await?;
    browser.goto("about:blank").await?;
    has_all(&app).await
}

/// Opens the browser's own DevTools beside the page and looks where the lines of its console lead.
async fn devtools_link_lines_to_their_callers(app: &Shop, browser: &Browser) -> Result<()> {
    let page = browser.tab().await?;
    browser.open_devtools().await?;
    for (line, caller) in [
        ("started", "log.info('started')"),              // shown only
        ("added to cart", "log.action('added to cart'"), // shown and sent
        ("the cart is full", "log.warn('the cart is full'"),
        ("the payment failed", "log.error('the payment failed'"),
    ] {
        let source = std::fs::read_to_string(app.app.join("src/main.ts"))?;
        let number = source.lines().position(|text| text.contains(caller)).context("no such line")? + 1;
        // The source map comes later than the line.
        let link = format!("({ANCHORS})({})", json!(line));
        let is_caller = format!("{link} === 'main.ts:{number}'");
        if let Err(error) = browser.wait_for(&is_caller).await {
            let shown = browser.run(&format!("return {link}"), &[]).await?;
            return Err(error.context(format!("DevTools link {line} to {shown}")));
        }
    }
    browser.switch_to(&page).await
}

/// The link beside a line of DevTools' console, which lies in shadow trees.
const ANCHORS: &str = "(line) => {
    const all = (root) => [...root.querySelectorAll('*')].flatMap((each) => [each, ...(each.shadowRoot ? all(each.shadowRoot) : [])]);
    const anchor = all(document).find((each) => each.classList.contains('console-message-anchor') && each.parentElement.innerText.includes(line));
    return anchor?.innerText.trim();
}";

#[tokio::test(flavor = "multi_thread")]
async fn disabled_nothing_is_loaded_and_what_an_enabled_app_left_is_deleted() -> Result<()> {
    let app = Shop::open().await?;
    {
        let _server = app.preview("ENABLED").await?;
        let browser = app.visit("profile").await?;
        browser.wait_for(&format!("{MODE} === 'wasm'")).await?;
        browser.goto("about:blank").await?;
    }
    let _server = app.preview("DISABLED").await?;
    let sent = app.proxy.seen().len();
    let browser = app.visit("profile").await?;
    browser.wait_for(&format!("{MODE} === 'off'")).await?;
    for selector in ["#throw", "#reject", "#pay", "#view button"] {
        click(&browser, selector).await?;
    }
    is_off(&browser).await?;
    ensure!(app.proxy.seen().len() == sent, "something was sent");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_rollout_a_visitor_is_in_or_out_and_stays_so() -> Result<()> {
    let app = Shop::open().await?;
    let _server = app.preview("ROLLOUT").await?;
    // One profile after another until both choices were seen: of twelve all alike is one in two thousand.
    let mut seen = [false; 2];
    for visitor in 0..12 {
        let profile = format!("visitor-{visitor}");
        let browser = app.visit(&profile).await?;
        let first = settled_mode(&browser).await?;
        browser.session().refresh().await?;
        ensure!(settled_mode(&browser).await? == first, "another choice after a reload");
        seen[usize::from(first == "wasm")] = true;
        if first == "off" {
            let keys = browser.run("return Object.keys(localStorage)", &[]).await?;
            let is_choice = keys.as_array().is_some_and(|keys| {
                keys.len() == 1 && keys[0].as_str().is_some_and(|key| key.ends_with(":visitor"))
            });
            ensure!(is_choice, "traces of one who was not chosen: {keys}");
        }
        if seen == [true; 2] {
            return Ok(());
        }
    }
    anyhow::bail!("twelve visitors of a rollout of 50 % are all alike: {seen:?}")
}

async fn settled_mode(browser: &Browser) -> Result<Value> {
    browser.wait_for(&format!("/^(wasm|off)$/.test({MODE}) && {MODE}")).await
}
