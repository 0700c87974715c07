//! A browser window on the shop: its size and theme, what is in it, and what its console may say.

use std::path::PathBuf;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shop::{Shop, wait_until};
use crate::webdriver::{Element, Session};

/// Where the browser and its driver are, and where pictures go.
pub struct Browser {
    driver_url: String,
    chromium: Option<String>,
    artefacts: Option<PathBuf>,
}

impl Browser {
    /// What the environment names; `None` without a driver.
    pub fn from_environment() -> Option<Self> {
        Some(Self {
            driver_url: std::env::var("SHOPWRIGHT_TEST_WEBDRIVER_URL").ok()?,
            chromium: std::env::var("SHOPWRIGHT_TEST_CHROMIUM").ok(),
            artefacts: std::env::var_os("SHOPWRIGHT_ARTEFACTS").map(PathBuf::from),
        })
    }
}

/// The size of a window and the theme its visitor chose.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub device: &'static str,
    pub size: (u32, u32),
    pub theme: &'static str,
}

const PHONE: (&str, (u32, u32)) = ("phone", (390, 844));
const DESKTOP: (&str, (u32, u32)) = ("desktop", (1280, 900));

impl Look {
    pub const ALL: [Self; 4] = [
        Self::new(PHONE, "light"),
        Self::new(PHONE, "dark"),
        Self::new(DESKTOP, "light"),
        Self::new(DESKTOP, "dark"),
    ];

    /// Both sizes and both themes once, for what a theme has no part in.
    pub const PAIR: [Self; 2] = [Self::new(PHONE, "dark"), Self::new(DESKTOP, "light")];

    const fn new((device, size): (&'static str, (u32, u32)), theme: &'static str) -> Self {
        Self { device, size, theme }
    }

    fn is_phone(self) -> bool {
        self.device == PHONE.0
    }
}

/// Whether pages may run their module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    Run,
    Blocked,
}

/// One window with a profile of its own. Fields go in this order: the browser before its profile.
pub struct Window<'a> {
    pub session: Session,
    pub shop: &'a Shop,
    artefacts: Option<PathBuf>,
    _profile: TempDir,
}

impl<'a> Window<'a> {
    pub fn open(browser: &Browser, shop: &'a Shop, scripts: Scripts) -> Self {
        let profile = TempDir::new().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let mut options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--disable-dev-shm-usage", "--hide-scrollbars", folder,
        ] });
        if let Some(chromium) = &browser.chromium {
            options["binary"] = json!(chromium);
        }
        if scripts == Scripts::Blocked {
            let blocked = 2;
            options["prefs"] =
                json!({ "profile.managed_default_content_settings.javascript": blocked });
        }
        let capabilities =
            json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let session = Session::open(&browser.driver_url, &capabilities);
        Self { session, shop, artefacts: browser.artefacts.clone(), _profile: profile }
    }

    /// Gives the window this size, with a finger instead of a mouse on a phone, and the theme.
    pub fn wear(&self, look: Look) {
        self.resize(look.size, look.is_phone());
        let cookie = json!({ "name": "theme", "value": look.theme, "url": self.shop.url });
        self.session.devtools("Network.setCookie", &cookie);
    }

    pub fn resize(&self, (width, height): (u32, u32), is_phone: bool) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.session.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Opens a path of the shop.
    #[track_caller]
    pub fn visit(&self, path: &str) {
        self.session.open_url(&format!("{}{path}", self.shop.url));
    }

    /// The path that is open, with query and anchor.
    #[track_caller]
    pub fn path(&self) -> String {
        let url = self.session.current_url();
        url.strip_prefix(&self.shop.url).unwrap_or(&url).to_owned()
    }

    /// Waits until this path is open.
    #[track_caller]
    pub fn wait_for(&self, path: &str) {
        wait_until(path, Duration::from_secs(10), || self.path() == path);
    }

    #[track_caller]
    pub fn element(&self, selector: &str) -> Element<'_> {
        self.session.element(selector)
    }

    /// Clicks the first element of a selector.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.element(selector).click();
    }

    /// The texts of all elements of a selector, shown or not.
    #[track_caller]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let read = format!(
            "return Array.from(document.querySelectorAll({}), e => e.textContent.trim())",
            json!(selector)
        );
        serde_json::from_value(self.session.script(&read)).unwrap()
    }

    /// The text of the first element of a selector.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        self.texts(selector).into_iter().next().unwrap_or_else(|| panic!("no {selector}"))
    }

    /// How many elements of a selector take up room inside the window's width.
    #[track_caller]
    pub fn count_shown(&self, selector: &str) -> usize {
        let count = format!(
            "return Array.from(document.querySelectorAll({})).filter(e => {{
                const box = e.getBoundingClientRect();
                return e.checkVisibility() && box.width > 0 && box.height > 0 && box.left >= 0
                    && box.right <= document.documentElement.clientWidth + 0.5;
            }}).length",
            json!(selector)
        );
        serde_json::from_value(self.session.script(&count)).unwrap()
    }

    /// How far the page reaches beyond the window's width, in pixels.
    #[track_caller]
    pub fn sideways(&self, width: u32) -> i64 {
        let reach = self.session.script("return document.documentElement.scrollWidth");
        reach.as_i64().unwrap() - i64::from(width)
    }

    /// Keeps a picture of the window where pictures are wanted.
    pub fn picture(&self, name: &str) {
        let Some(folder) = &self.artefacts else { return };
        let bytes = BASE64_STANDARD.decode(self.session.screenshot()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// The console said nothing but what is expected; asking forgets it.
    #[track_caller]
    pub fn assert_quiet(&self, expected: &[&str]) {
        let said = self.session.console();
        let odd: Vec<_> =
            said.iter().filter(|line| !expected.iter().any(|known| line.contains(known))).collect();
        assert!(odd.is_empty(), "the console at {} says {odd:#?}", self.path());
    }
}

/// Amounts as pages write them, in minor units: `1,234.50`, `+0.15`, `−0.05`, `15.05 GBP`.
#[track_caller]
pub fn minor(text: &str) -> i64 {
    let is_negative = text.contains(['−', '-']);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let amount: i64 = digits.parse().unwrap_or_else(|_| panic!("no amount: {text:?}"));
    if is_negative { -amount } else { amount }
}

/// What a script gave, as a list of numbers.
#[track_caller]
pub fn numbers(value: &Value) -> Vec<i64> {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"))
}
