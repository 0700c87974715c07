//! What the process is told from outside: to stop (Ctrl-C, SIGTERM) and to read its configuration
//! again (SIGHUP).

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves at the first request to stop that comes after it is first polled.
pub async fn asked_to_stop() -> io::Result<()> {
    Stops::listen()?.next().await;
    Ok(())
}

/// Every request to stop from the moment of listening on.
#[derive(Debug)]
pub struct Stops {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

#[cfg(unix)]
impl Stops {
    /// Takes the signals over from the system, which would end the process.
    pub fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// The next request.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Stops {
    /// Nothing to take over here.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next Ctrl-C.
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Every SIGHUP from the moment of listening on.
#[derive(Debug)]
pub struct Hangups {
    #[cfg(unix)]
    hangup: Signal,
}

#[cfg(unix)]
impl Hangups {
    /// Takes the signal over from the system, which would end the process.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { hangup: signal(SignalKind::hangup())? })
    }

    /// The next one.
    pub async fn next(&mut self) {
        self.hangup.recv().await;
    }
}

#[cfg(not(unix))]
impl Hangups {
    /// This system has no such signal.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Never.
    pub async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
