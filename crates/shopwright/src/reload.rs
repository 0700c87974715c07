//! SIGHUP: reads the configuration again and applies what can change while requests are answered.
//!
//! A configuration that cannot be read changes nothing. A setting that needs a restart is named, and
//! the old value goes on holding.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use shopwright_web::Site;
use tokio::sync::watch;

use crate::config::{self, Given, Setting, Settings};
use crate::failure::Failure;
use crate::signals::Hangups;

type SetLevel = dyn Fn(&str) -> Result<(), Failure> + Send + Sync;

/// Changes the level of the running log.
pub struct Relog(pub Box<SetLevel>);

/// What a reload starts from.
pub struct Reload {
    /// The flags and variables of the start, and which file it read.
    pub given: Given,
    /// Changes the log.
    pub relog: Relog,
}

/// What a reload reaches.
pub struct Running {
    /// The pages.
    pub site: Arc<Site>,
    /// How often all prices are looked at.
    pub price_refresh: watch::Sender<Duration>,
}

impl Reload {
    /// Reads the configuration again at every SIGHUP, for as long as it is polled.
    pub async fn follow(
        self,
        mut settings: Settings,
        running: Running,
        hangups: io::Result<Hangups>,
    ) {
        let mut hangups = match hangups {
            Ok(hangups) => hangups,
            Err(error) => {
                tracing::warn!(%error, "SIGHUP cannot be heard; a new configuration needs a restart");
                return std::future::pending().await;
            }
        };
        loop {
            hangups.next().await;
            match config::read(&self.given) {
                Ok(fresh) => settings = self.apply(settings, fresh, &running),
                Err(failure) => {
                    tracing::error!(%failure, "the configuration was not read again; the old one holds");
                }
            }
        }
    }

    /// Applies what may change; gives the settings that hold from now on.
    fn apply(&self, mut held: Settings, fresh: Settings, running: &Running) -> Settings {
        let mut changed = 0;
        for (was, is) in held.all.iter_mut().zip(&fresh.all) {
            if was.value == is.value {
                continue;
            }
            let name = is.key.name;
            if !is.key.reloads() {
                tracing::warn!(name, "this setting changed, but only a restart applies it");
                continue;
            }
            if let Err(failure) = self.change(is, &fresh, running) {
                tracing::error!(name, %failure, "this setting could not be changed");
                continue;
            }
            tracing::info!(name, "changed");
            *was = is.clone();
            changed += 1;
        }
        tracing::info!(changed, "the configuration was read again");
        held
    }

    fn change(
        &self,
        setting: &Setting,
        fresh: &Settings,
        running: &Running,
    ) -> Result<(), Failure> {
        match setting.key.name {
            "log" => (self.relog.0)(&fresh.log),
            "store_name" => {
                running.site.rename_store(fresh.store_name.clone());
                Ok(())
            }
            "price_refresh_seconds" => {
                running.price_refresh.send_replace(fresh.price_refresh);
                Ok(())
            }
            other => unreachable!("{other} is said to reload, but nothing applies it"),
        }
    }
}
