//! A Chromium of our own, driven by WebDriver; dropping it ends it.

use std::{process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tracemem_test_peers::place;

use crate::Tested;

/// A window of a browser.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Child,
    _profile: tempfile::TempDir,
}

/// How often the page is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// How long a page may take; nothing comes near it unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How large the window is.
pub(crate) const WIDE: (u32, u32) = (1_000, 1_000);
/// A small phone held upright.
pub(crate) const NARROW: (u32, u32) = (320, 720);

impl Browser {
    pub(crate) async fn open() -> Tested<Self> {
        let mut driver = Command::new(place("TRACEMEM_TEST_CHROMEDRIVER")?)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let out = driver.stdout.take().ok_or("the driver has no output")?;
        let mut lines = BufReader::new(out).lines();
        let port: u16 = loop {
            let line = lines.next_line().await?.ok_or("the driver has ended")?;
            // "ChromeDriver was started successfully on port 12345."
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse()?;
            }
        };
        let profile = tempfile::tempdir()?;
        let chromium = place("TRACEMEM_TEST_CHROMIUM")?;
        let arguments = [
            "--headless=new".to_owned(),
            // Tests run as root in containers, where Chromium's own sandbox cannot be set up.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({"args": arguments, "binary": chromium.to_string_lossy()});
        let capabilities = Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await?;
        client.set_window_size(WIDE.0, WIDE.1).await?;
        Ok(Self {
            client,
            _driver: driver,
            _profile: profile,
        })
    }

    /// What a person reads on the page.
    pub(crate) async fn text(&self) -> Tested<String> {
        Ok(self.client.find(Locator::Css("body")).await?.text().await?)
    }

    /// Waits until the page says so: after a click the browser is between two pages for a while.
    pub(crate) async fn reads(&self, what: &str) -> Tested {
        let said = async {
            let mut looks = tokio::time::interval(LOOK);
            loop {
                looks.tick().await;
                if self.text().await.is_ok_and(|text| text.contains(what)) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, said).await.is_ok() {
            return Ok(());
        }
        let text = self.text().await?;
        Err(format!("no `{what}` on the page:\n{text}").into())
    }

    pub(crate) async fn click(&self, css: &str) -> Tested {
        Ok(self.client.find(Locator::Css(css)).await?.click().await?)
    }

    pub(crate) async fn types(&self, css: &str, text: &str) -> Tested {
        let field = self.client.find(Locator::Css(css)).await?;
        Ok(field.send_keys(text).await?)
    }

    pub(crate) async fn count(&self, css: &str) -> Tested<usize> {
        Ok(self.client.find_all(Locator::Css(css)).await?.len())
    }

    /// Keeps what is seen, where the run asks for it.
    pub(crate) async fn picture(&self, name: &str) -> Tested {
        let Some(folder) = std::env::var_os("TRACEMEM_SCREENSHOTS") else {
            return Ok(());
        };
        let picture = self.client.screenshot().await?;
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        Ok(std::fs::write(path, picture)?)
    }

    pub(crate) async fn close(self) -> Tested {
        Ok(self.client.close().await?)
    }
}
