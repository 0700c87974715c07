//! Connections: taken one by one, HTTP/1.1 or HTTP/2 as the client begins to speak, with limits against
//! those who open many, send slowly, or send too much; and a graceful end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

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
    let protocols = Arc::new(protocols());
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

fn protocols() -> Builder<TokioExecutor> {
    let mut protocols = Builder::new(TokioExecutor::new());
    protocols
        .http1()
        // A timer made and dropped for each request costs more than the rest of its reading; the
        // stream itself watches over slow heads.
        .header_read_timeout(None)
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
        let stream = TokioIo::new(Watched::new(self.stream, &self.times));
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

/// How often in the time that a connection may be idle it is looked at.
const LOOKS: u32 = 4;

/// A stream that fails when nothing has moved on it for a while, or when the other end has been
/// sending for longer than any request may take without being answered.
///
/// Reading and writing only leave marks; the clock is looked at when the alarm goes off, a few
/// times in the life of an idle connection and never for a busy one.
struct Watched {
    stream: TcpStream,
    every: Duration,
    alarm: Pin<Box<Sleep>>,
    moved: bool,
    wrote: bool,
    quiet_looks: u32,
    unanswered_looks: u32,
    unanswered_max: u32,
}

impl Watched {
    fn new(stream: TcpStream, times: &Times) -> Self {
        let every = times.idle / LOOKS;
        let unanswered = (times.idle + times.answer).as_micros() / every.as_micros().max(1);
        Self {
            stream,
            every,
            alarm: Box::pin(tokio::time::sleep(every)),
            moved: false,
            wrote: false,
            quiet_looks: 0,
            unanswered_looks: 0,
            unanswered_max: u32::try_from(unanswered).unwrap_or(u32::MAX),
        }
    }

    /// What comes of an attempt that would have to wait: waiting has an end.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            self.quiet_looks = if self.moved { 0 } else { self.quiet_looks + 1 };
            self.unanswered_looks = if self.wrote { 0 } else { self.unanswered_looks + 1 };
            (self.moved, self.wrote) = (false, false);
            if self.quiet_looks >= LOOKS || self.unanswered_looks > self.unanswered_max {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let next = tokio::time::Instant::now() + self.every;
            self.alarm.as_mut().reset(next);
        }
        Poll::Pending
    }

    fn note_read(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        if attempt.is_pending() {
            return self.wait(cx);
        }
        self.moved = true;
        attempt
    }

    fn note_write(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if attempt.is_pending() {
            return self.wait(cx);
        }
        (self.moved, self.wrote) = (true, true);
        attempt
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.note_read(cx, attempt)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note_write(cx, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note_write(cx, attempt)
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
