//! What a commit is waiting for, as spans of its trace.

use tracing::Span;

/// The span of the step that a commit is in, below the one in which it was asked for; it ends with the next step, or with
/// this. Nothing where nobody collects traces: beginning costs one comparison then.
#[derive(Default)]
pub(crate) struct Trail(Option<Box<Steps>>);

struct Steps {
    commit: Span,
    now: Span,
}

impl Trail {
    pub(crate) fn begin(step: &'static str) -> Trail {
        // As crate `telemetry` marks what is a trace; the store imports nothing of it.
        let now = tracing::trace_span!(target: "timonier::trace", "step", otel.name = step);
        if now.is_disabled() {
            return Trail(None);
        }
        Trail(Some(Box::new(Steps { commit: Span::current(), now })))
    }

    pub(crate) fn next(&mut self, step: &'static str) {
        if let Some(steps) = &mut self.0 {
            let commit = &steps.commit;
            steps.now = tracing::trace_span!(target: "timonier::trace", parent: commit, "step", otel.name = step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_collects_traces_there_is_nothing() {
        let mut trail = Trail::begin("queue");
        trail.next("sync");
        assert!(trail.0.is_none());
        assert_eq!(std::mem::size_of::<Trail>(), std::mem::size_of::<usize>());
    }
}
