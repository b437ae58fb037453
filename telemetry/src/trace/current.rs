//! Where in which trace a task is.

use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

use super::context::Context;
use super::span::Open;

impl Context {
    /// Where this task is now, if it is in a trace.
    pub fn current() -> Option<Context> {
        tracing::dispatcher::get_default(|dispatch| {
            let registry = dispatch.downcast_ref::<Registry>()?;
            let current = dispatch.current_span();
            let span = registry.span(current.id()?)?;
            span.scope().find_map(|span| span.extensions().get::<Open>().map(|open| open.context))
        })
    }
}
