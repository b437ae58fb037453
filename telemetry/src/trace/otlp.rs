//! Spans as the OpenTelemetry protocol's JSON. Pure.

use serde_json::{Value, json};

use super::span::Open;

/// A span that ended, and when: nanoseconds since 1970.
#[derive(Clone, Debug)]
pub struct Ended {
    pub span: Open,
    pub end: u64,
}

/// The body of a request to `/v1/traces`. `service`: the program.
pub fn body(service: &str, spans: &[Ended]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", service), text("service.version", version)]},
        "scopeSpans": [{
            "scope": {"name": "timonier", "version": version},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(ended: &Ended) -> Value {
    let Open { context, parent, start, fields } = &ended.span;
    let attributes: Vec<Value> =
        fields.attributes.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let mut span = json!({
        "traceId": format!("{:032x}", context.trace),
        "spanId": format!("{:016x}", context.span),
        "name": fields.name,
        "kind": fields.kind as u8,
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": ended.end.to_string(),
        "attributes": attributes,
        "status": {},
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = format!("{parent:016x}").into();
    }
    if let Some(error) = &fields.error {
        span["status"] = json!({"code": 2, "message": error});
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::context::Context;
    use crate::trace::span::{Fields, Kind};

    #[test]
    fn a_span_is_written_as_the_protocol_wants_it() {
        let context = Context { trace: 0xabc, span: 0x12, sampled: true };
        let fields = Fields {
            name: "GET pods".into(),
            kind: Kind::Server,
            error: Some("it failed".into()),
            attributes: vec![("code", json!({"intValue": "500"}))],
            ..Fields::default()
        };
        let ended = Ended { span: Open { context, parent: Some(0xff), start: 5, fields }, end: 7 };
        let body = body("program", &[ended]);
        let scope = &body["resourceSpans"][0]["scopeSpans"][0];
        assert_eq!(
            scope["spans"][0],
            json!({"traceId": "00000000000000000000000000000abc", "spanId": "0000000000000012",
                "parentSpanId": "00000000000000ff", "name": "GET pods", "kind": 2, "startTimeUnixNano": "5",
                "endTimeUnixNano": "7", "attributes": [{"key": "code", "value": {"intValue": "500"}}],
                "status": {"code": 2, "message": "it failed"}})
        );
        assert_eq!(body["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "program");
    }
}
