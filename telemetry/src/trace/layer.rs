//! Learns of spans from crate `tracing`, and hands those that ended to the exporter.

use tracing::Subscriber;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Layers;
use tracing_subscriber::registry::LookupSpan;

use super::context::Context;
use super::export::Outbox;
use super::span::{Fields, Open, now};

pub struct Spans {
    outbox: Outbox,
}

impl Spans {
    pub fn new(outbox: Outbox) -> Spans {
        Spans { outbox }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, layers: Layers<'_, S>) {
        let Some(span) = layers.span(id) else { return };
        let mut fields = Fields { name: attributes.metadata().name().to_owned(), ..Fields::default() };
        attributes.record(&mut fields);
        let above = || span.scope().skip(1).find_map(|span| span.extensions().get::<Open>().map(|open| open.context));
        let parent = fields.remote.take().or_else(above);
        let context = parent.map_or_else(Context::root, Context::child);
        let open = Open { context, parent: parent.map(|parent| parent.span), start: now(), fields };
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, layers: Layers<'_, S>) {
        if let Some(span) = layers.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, layers: Layers<'_, S>) {
        let open = layers.span(&id).and_then(|span| span.extensions_mut().remove::<Open>());
        if let Some(open) = open.filter(|open| open.context.sampled) {
            self.outbox.put(open, now());
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::trace::context::{HEADER, inject};
    use crate::trace::otlp::Ended;
    use crate::trace::span::Kind;

    /// What is sent of what `work` does.
    fn sent(work: impl FnOnce()) -> Vec<Ended> {
        let (outbox, spans) = Outbox::channel();
        let subscriber = tracing_subscriber::registry().with(Spans::new(outbox));
        tracing::subscriber::with_default(subscriber, work);
        spans.collect()
    }

    const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_span_goes_on_where_its_client_is_and_tells_its_own_servers() {
        let mut headers = HeaderMap::new();
        let spans = sent(|| {
            let server =
                crate::span!("request", otel.name = "GET pods", otel.kind = "server", traceparent = REMOTE, code = 1);
            server.record("code", 200);
            server.in_scope(|| crate::span!("store").in_scope(|| inject(&mut headers)));
        });
        let [store, server] = &spans[..] else { panic!("{spans:?}") };
        let (inner, outer) = (&store.span, &server.span);
        assert_eq!((outer.parent, outer.context.trace), (Some(0xb7ad6b7169203331), 0x0af7651916cd43dd8448eb211c80319c));
        assert_eq!((inner.parent, inner.context.trace), (Some(outer.context.span), outer.context.trace));
        assert_eq!((&*outer.fields.name, outer.fields.kind), ("GET pods", Kind::Server));
        assert_eq!(outer.fields.attributes, [("code", json!({"intValue": "200"}))]);
        assert!(server.end >= store.end && outer.start <= inner.start);
        assert_eq!(headers[HEADER], inner.context.to_string());
    }

    #[test]
    fn a_trace_that_is_not_recorded_is_not_sent_but_passed_on() {
        let mut headers = HeaderMap::new();
        let unrecorded = REMOTE.replace("-01", "-00");
        let spans = sent(|| {
            let span = crate::span!("request", traceparent = &*unrecorded);
            span.in_scope(|| inject(&mut headers));
        });
        assert!(spans.is_empty(), "{spans:?}");
        let passed_on = headers[HEADER].to_str().unwrap();
        assert!(passed_on.starts_with(&REMOTE[..35]) && passed_on.ends_with("-00"), "{passed_on}");
    }

    #[test]
    fn without_a_client_or_with_nonsense_from_it_a_trace_begins() {
        for traceparent in [None, Some("nonsense")] {
            let spans = sent(|| drop(crate::span!("request", traceparent = traceparent)));
            assert!(matches!(&spans[..], [ended] if ended.span.parent.is_none()), "{spans:?}");
        }
        let mut headers = HeaderMap::new();
        inject(&mut headers);
        assert!(headers.is_empty(), "nobody collects traces here");
    }
}
