//! Configuration: defaults, then `shopwright.toml`, then `SHOPWRIGHT_*`, then flags.
//!
//! Every value knows where it came from. A name nobody knows is an error with the nearest one, so
//! that a typo never runs a shop with a default. No message repeats a secret.

mod keys;
mod read;
mod streams;

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use shopwright_domain::money::Currency;
use shopwright_gateways::allowed::{Allowed, parse_list};
use shopwright_gateways::inbound::{InboundSecrets, SenderSecrets};
use shopwright_gateways::shop::{Shop, Shopify, Woocommerce};
use shopwright_web::PublicUrl;
use shopwright_web::limits::{Limits, Rate, Rates};

pub use keys::{KEYS, Key, nearest};
pub use read::{Given, read};
pub use streams::StreamSettings;

use crate::failure::Failure;

/// Keys whose default lies in the data folder, and the name there.
const IN_DATA_DIR: [(&str, &str); 3] =
    [("key_secret_file", "key.secret"), ("seal_key_file", "seal.key"), ("mail_dir", "mail")];

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable, or the file it names.
    Variable(String),
    /// A flag of this command.
    Flag(&'static str),
}

impl Origin {
    /// One or two words for a table.
    pub fn text(&self) -> String {
        match self {
            Self::Default => "default".into(),
            Self::File(path) => path.display().to_string(),
            Self::Variable(name) => name.clone(),
            Self::Flag(flag) => (*flag).into(),
        }
    }
}

/// One key with the value that holds.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The key.
    pub key: &'static Key,
    /// The value; `None` when nobody set it and there is no default.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// The effective configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the server listens, `host:port`.
    pub listen: String,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The PostgreSQL server, if the ledger is not the embedded database.
    pub database_url: Option<String>,
    /// Connections to it.
    pub database_connections: usize,
    /// What is logged.
    pub log: String,
    /// The shop's name.
    pub store_name: String,
    /// The shop's currency.
    pub currency: Currency,
    /// The shop's time zone.
    pub zone: TimeZone,
    /// The address visitors write.
    pub public_url: Option<PublicUrl>,
    /// Networks of reverse proxies whose headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How often all prices are looked at.
    pub price_refresh: Duration,
    /// Where the key secret lies.
    pub key_secret_file: PathBuf,
    /// Where the keys of the seal lie.
    pub seal_key_file: PathBuf,
    /// What is reached although it is inside.
    pub outbound_allow: Vec<Allowed>,
    /// Whom mail comes from.
    pub mail_from: String,
    /// Who is told when something needs an operator.
    pub mail_to_operator: Option<String>,
    /// The mail server; mail goes into a folder without one.
    pub smtp_url: Option<String>,
    /// What shop platforms sign their webhooks with.
    pub inbound_secrets: InboundSecrets,
    /// That folder.
    pub mail_dir: PathBuf,
    /// How long finished effects are kept.
    pub effects_kept_days: u32,
    /// How long events of shoppers are kept.
    pub events_kept_days: u32,
    /// Where events come from beside the API.
    pub streams: StreamSettings,
    /// The platform that is told our prices.
    pub shop: Option<Shop>,
    /// How often it is looked at.
    pub drift_check: Duration,
    /// How often competitors' pages are looked at.
    pub competitor_pages: Option<Duration>,
    /// What callers, connections and addresses may take.
    pub limits: Limits,
    /// Every key with value and origin, in the table's order.
    pub all: Vec<Setting>,
}

impl Settings {
    /// Whether somebody set this key.
    pub fn is_set(&self, name: &str) -> bool {
        self.all.iter().any(|s| s.key.name == name && s.origin != Origin::Default)
    }

    /// The typed form of checked values.
    fn from_checked(mut all: Vec<Setting>) -> Result<Self, Failure> {
        let number = |name: &str| text(&all, name).parse::<u64>().map_err(|_| wrong(name));
        let data_dir = PathBuf::from(text(&all, "data_dir"));
        let (connections, refresh) =
            (number("database_connections")?, number("price_refresh_seconds")?);
        let drift_check = Duration::from_secs(60 * number("drift_check_minutes")?);
        let page_hours = number("competitor_page_hours")?;
        for (name, file) in IN_DATA_DIR {
            if let Some(setting) = all.iter_mut().find(|s| s.key.name == name) {
                let default = || data_dir.join(file).display().to_string();
                setting.value.get_or_insert_with(default);
            }
        }
        let maybe = |name: &str| Some(text(&all, name)).filter(|text| !text.is_empty());
        Ok(Self {
            listen: text(&all, "listen"),
            database_url: maybe("database_url"),
            database_connections: usize::try_from(connections)
                .map_err(|_| wrong("database_connections"))?,
            log: text(&all, "log"),
            store_name: text(&all, "store_name"),
            currency: text(&all, "currency").parse().map_err(|_| wrong("currency"))?,
            zone: TimeZone::get(&text(&all, "zone")).map_err(|_| wrong("zone"))?,
            public_url: PublicUrl::parse(&text(&all, "public_url")),
            trusted_proxies: keys::networks(&text(&all, "trusted_proxies")).unwrap_or_default(),
            price_refresh: Duration::from_secs(refresh),
            effects_kept_days: text(&all, "effects_kept_days")
                .parse()
                .map_err(|_| wrong("effects_kept_days"))?,
            events_kept_days: text(&all, "events_kept_days")
                .parse()
                .map_err(|_| wrong("events_kept_days"))?,
            limits: limits(&all)?,
            streams: StreamSettings::from_checked(&all)?,
            shop: shop(&all)?,
            drift_check,
            competitor_pages: (page_hours > 0).then(|| Duration::from_secs(3_600 * page_hours)),
            key_secret_file: text(&all, "key_secret_file").into(),
            seal_key_file: text(&all, "seal_key_file").into(),
            outbound_allow: parse_list(&text(&all, "outbound_allow"))
                .map_err(|_| wrong("outbound_allow"))?,
            mail_from: text(&all, "mail_from"),
            mail_to_operator: maybe("mail_to_operator"),
            smtp_url: maybe("smtp_url"),
            inbound_secrets: InboundSecrets {
                shopify: SenderSecrets::parse(&text(&all, "shopify_webhook_secret")),
                woocommerce: SenderSecrets::parse(&text(&all, "woocommerce_webhook_secret")),
            },
            mail_dir: text(&all, "mail_dir").into(),
            data_dir,
            all,
        })
    }
}

fn text(all: &[Setting], name: &str) -> String {
    let found = all.iter().find(|s| s.key.name == name).and_then(|s| s.value.clone());
    found.unwrap_or_default()
}

/// The platform with what it takes to reach it.
fn shop(all: &[Setting]) -> Result<Option<Shop>, Failure> {
    let needed = |name: &str| {
        Some(text(all, name)).filter(|text| !text.is_empty()).ok_or_else(|| {
            let publish = text(all, "publish");
            Failure::new("config", format!("publish is {publish}, so {name} is needed; set it too"))
        })
    };
    Ok(match text(all, "publish").as_str() {
        "shopify" => {
            let (name, token) = (needed("shopify_shop")?, needed("shopify_access_token")?);
            let version = text(all, "shopify_api_version");
            Some(Shop::Shopify(Shopify::new(&format!("https://{name}"), &version, token)))
        }
        "woocommerce" => {
            let (url, key) = (needed("woocommerce_url")?, needed("woocommerce_key")?);
            let secret = needed("woocommerce_secret")?;
            Some(Shop::Woocommerce(Woocommerce::new(&url, &key, &secret)))
        }
        _ => None,
    })
}

fn wrong(name: &str) -> Failure {
    Failure::new("config", format!("{name} cannot be read"))
}

fn limits(all: &[Setting]) -> Result<Limits, Failure> {
    let number = |name: &str| text(all, name).parse().map_err(|_| wrong(name));
    let rate = |caller: &str| {
        Ok::<_, Failure>(Rate {
            per_minute: number(&format!("rate_{caller}_per_minute"))?,
            burst: number(&format!("rate_{caller}_burst"))?,
        })
    };
    Ok(Limits {
        rates: Rates {
            secret: rate("secret")?,
            publishable: rate("publishable")?,
            unauthenticated: rate("unauthenticated")?,
        },
        connections_max: text(all, "connections_max")
            .parse()
            .map_err(|_| wrong("connections_max"))?,
        ..Limits::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_to_publish_to_needs_its_address_and_keys() {
        let with = |given: &[(&str, &str)]| {
            let variables = given.iter().map(|(n, v)| (n.into(), v.into())).collect();
            read(&Given { variables, ..Given::default() })
        };
        assert!(with(&[]).unwrap().shop.is_none(), "off unless somebody says so");
        let shopify = ("SHOPWRIGHT_PUBLISH", "shopify");
        let name = ("SHOPWRIGHT_SHOPIFY_SHOP", "candle-corner.myshopify.com");
        let error = with(&[shopify, name]).unwrap_err();
        assert!(error.message.contains("shopify_access_token is needed"), "{error}");
        let token = ("SHOPWRIGHT_SHOPIFY_ACCESS_TOKEN", "shpat_secret");
        let settings = with(&[shopify, name, token]).unwrap();
        assert!(matches!(settings.shop, Some(Shop::Shopify(_))));
        assert!(!format!("{:?}", settings.shop).contains("shpat_secret"));
        let woo = ("SHOPWRIGHT_PUBLISH", "woocommerce");
        assert!(with(&[woo, name, token]).is_err(), "those are the other platform's");
    }

    #[test]
    fn the_limits_nobody_set_are_those_of_the_server() {
        let settings = read(&Given::default()).unwrap();
        assert_eq!(settings.limits, Limits::default());
    }
}
