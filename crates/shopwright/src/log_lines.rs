//! The log on the error output: one line per event, with the id of the request it belongs to.

use std::fmt;
use std::io;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts the log.
pub fn start(filter: EnvFilter) {
    let terminal = io::IsTerminal::is_terminal(&io::stderr());
    let ansi = terminal && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .event_format(WithRequest(Format::default().with_ansi(ansi)))
        .with_writer(io::stderr)
        .init();
}

/// The usual line, then `request=…` and, when the caller sent one, `trace=…`. The id is asked for
/// only when something is logged: a request that logs nothing pays nothing, as it would for a span.
struct WithRequest(Format);

impl<S, N> FormatEvent<S, N> for WithRequest
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(request) = shopwright_web::current_request() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{} {request}", line.trim_end_matches('\n'))
    }
}
