//! The lines of the log: one per event, with the id of the request it belongs to.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The usual line, then `request=…` and, when the caller sent one, `trace=…`. The id is asked for
/// only when something is logged: a request that logs nothing pays nothing, as it would for a span.
pub struct WithRequest(Format);

impl WithRequest {
    /// In colour where the error output is a terminal that wants it.
    pub fn on_this_terminal() -> Self {
        let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self(Format::default().with_ansi(ansi))
    }
}

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
