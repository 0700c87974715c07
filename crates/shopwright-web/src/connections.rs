//! Connections: taken one by one, HTTP/1.1 or HTTP/2 as the client begins to speak, with limits against
//! those who open many, send slowly, or send too much; and a graceful end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tower::Service as _;

use crate::limits::{Limits, Times};
use crate::origin::Peer;

/// The longest head of a request that is read at all. One above the limit of the layers but below
/// this is told so in a problem document; a longer one gets the bare status.
const HEAD_BYTES_MAX: u16 = 1 << 15;
const HEAD_BUFFER_BYTES: usize = 1 << 16;
/// Requests under way on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// Streams that a client opened and reset while we had not begun on them: more end the connection
/// ("rapid reset", CVE-2023-44487).
const RESET_STREAMS_MAX: usize = 20;
/// Streams that we reset for a client's errors before the connection ends.
const ERROR_STREAMS_MAX: usize = 128;
/// How long taking connections rests when the system has no more room for one.
const REST: Duration = Duration::from_millis(500);

/// The longest head that the layers let pass.
pub const fn head_bytes_max() -> usize {
    HEAD_BYTES_MAX as usize
}

/// Answers connections until `shutdown`, then finishes what is under way.
pub async fn answer(
    routes: Router,
    limits: &Limits,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let protocols = Arc::new(protocols(&limits.times));
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let open = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut shutdown => break,
            taken = take(&listener, &places) => taken,
        };
        let taken = Taken { stream, peer, _place: place, times: limits.times };
        let (protocols, routes, watcher) = (Arc::clone(&protocols), routes.clone(), open.watcher());
        tokio::spawn(async move { taken.serve(&protocols, routes, watcher).await });
    }
    // New connections are refused at once, not left waiting.
    drop(listener);
    tokio::select! {
        () = open.shutdown() => {}
        () = tokio::time::sleep(limits.times.stop) => {
            tracing::warn!("some requests did not end in time and were cut off");
        }
    }
}

fn protocols(times: &Times) -> Builder<TokioExecutor> {
    let mut protocols = Builder::new(TokioExecutor::new());
    protocols
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(times.idle)
        .max_buf_size(HEAD_BUFFER_BYTES);
    protocols
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::from(HEAD_BYTES_MAX) * 2)
        .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
        .max_local_error_reset_streams(ERROR_STREAMS_MAX);
    protocols
}

/// The next connection, once there is a place for it.
async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    if places.available_permits() == 0 {
        tracing::warn!("all places for connections are taken; new ones wait (see connections_max)");
    }
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken; tried again soon");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// A client that went away before it was taken is no fault of ours.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

struct Taken {
    stream: TcpStream,
    peer: SocketAddr,
    _place: Option<OwnedSemaphorePermit>,
    times: Times,
}

impl Taken {
    async fn serve(self, protocols: &Builder<TokioExecutor>, routes: Router, watcher: Watcher) {
        // Answers are small and complete: waiting to fill a packet only delays them.
        if let Err(error) = self.stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let asked = Arc::new(AtomicBool::new(false));
        let (asking, peer) = (Arc::clone(&asked), Peer(self.peer));
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            asking.store(true, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            routes.clone().call(request)
        });
        let stream = TokioIo::new(Watched::new(self.stream, self.times.idle));
        let connection = protocols.serve_connection(stream, service).into_owned();
        let mut connection = pin!(watcher.watch(connection));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = tokio::time::sleep(self.times.first_request) => {
                if !asked.load(Ordering::Relaxed) {
                    tracing::debug!(peer = %self.peer, "a connection without a request was closed");
                    return;
                }
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, error, "a connection ended early");
        }
    }
}

/// A stream that fails when nothing has moved on it, in either direction, for a while.
struct Watched {
    stream: TcpStream,
    idle: Duration,
    moved: Instant,
    /// Set to the end of the time as it was when it was last looked at, not at every byte.
    alarm: Pin<Box<Sleep>>,
}

impl Watched {
    fn new(stream: TcpStream, idle: Duration) -> Self {
        let alarm = Box::pin(tokio::time::sleep(idle));
        Self { stream, idle, moved: Instant::now(), alarm }
    }

    /// What comes of an attempt to read or write: progress is noted, waiting has an end.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.moved = Instant::now();
            return attempt;
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let left = self.idle.saturating_sub(self.moved.elapsed());
            if left.is_zero() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(tokio::time::Instant::now() + left);
        }
        Poll::Pending
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.judge(cx, attempt)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judge(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
