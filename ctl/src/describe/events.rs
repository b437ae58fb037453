//! The table of events at the end of a page.

use super::page::Page;
use super::parts::text;
use crate::print::age::{human_duration, parse};
use jiff::Timestamp;
use serde_json::Value;

pub fn describe(page: &mut Page, events: &[Value], now: Timestamp) {
    if events.is_empty() {
        return page.field(0, "Events", "<none>");
    }
    let mut events: Vec<&Value> = events.iter().collect();
    events.sort_by_key(|event| last_seen(event));
    page.line(0, "Events:");
    page.line(1, "Type\tReason\tAge\tFrom\tMessage");
    page.line(1, "----\t------\t----\t----\t-------");
    for event in events {
        let source = [&event["source"]["component"], &event["reportingComponent"], &event["reportingController"]];
        let source = source.map(text).into_iter().find(|source| !source.is_empty()).unwrap_or_default();
        page.line(
            1,
            format!(
                "{}\t{}\t{}\t{source}\t{}",
                text(&event["type"]),
                text(&event["reason"]),
                age(event, now),
                message(event)
            ),
        );
    }
}

fn message(event: &Value) -> &str {
    let message = if event["message"].is_null() { &event["note"] } else { &event["message"] };
    text(message).trim()
}

fn time(event: &Value, fields: &[&str]) -> Option<Timestamp> {
    fields.iter().find_map(|field| parse(&event[*field]))
}

fn first_seen(event: &Value) -> Option<Timestamp> {
    time(event, &["firstTimestamp", "deprecatedFirstTimestamp", "eventTime"])
}

fn last_seen(event: &Value) -> Option<Timestamp> {
    parse(&event["series"]["lastObservedTime"])
        .or_else(|| time(event, &["lastTimestamp", "deprecatedLastTimestamp", "eventTime"]))
}

/// `5m`, or `10s (x3 over 2m)` for one that was seen again.
fn age(event: &Value, now: Timestamp) -> String {
    let since = |time: Option<Timestamp>| match time {
        Some(time) => human_duration(now.as_second() - time.as_second()),
        None => "<unknown>".into(),
    };
    let series = event["series"]["count"].as_i64();
    match series.or(event["count"].as_i64()).unwrap_or(1) {
        count if series.is_some() || count > 1 => {
            format!("{} (x{count} over {})", since(last_seen(event)), since(first_seen(event)))
        }
        _ => since(first_seen(event)),
    }
}
