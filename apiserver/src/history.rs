//! `GET /timonier/history`: which revision the cluster was at, and how far its history reaches back.
//!
//! Without a parameter it tells of now; `?time=2026-11-26T14:03:00Z` (RFC 3339) and `?ago=600` (seconds, by this server's
//! clock) of then. `resourceVersion` in the answer can be given to any `get` or `list` with `resourceVersionMatch=Exact`.
//! Kubernetes has no such path: its servers answer 404, and so no client takes the present for the past.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::status::Status;
use timonier_store::{Moment, ReadError};

use crate::accept::Encoding;
use crate::app::App;
use crate::query::Query;
use crate::respond;

/// Where clients ask for it.
pub const PATH: &str = "/timonier/history";

pub fn routes() -> Router<Arc<App>> {
    Router::new().route(PATH, get(show))
}

async fn show(State(app): State<Arc<App>>, request: Request) -> Response {
    let query = request.extensions().get::<Query>().cloned().unwrap_or_default();
    match answer(&app, &query) {
        Ok(value) => respond::value(StatusCode::OK, Encoding::Json, &value),
        Err(status) => respond::status(status),
    }
}

fn answer(app: &App, query: &Query) -> Result<Value, Status> {
    let store = &app.store;
    let now = SystemTime::now();
    let asked = asked(query, now)?;
    let moment = match store.moment(asked) {
        Ok(moment) => moment,
        Err(ReadError::TooEarly { first }) => {
            return Err(Status::expired(format!(
                "there is no history of {}: it begins at {}, with resource version {}",
                text(asked),
                text(first.time),
                first.revision
            )));
        }
        Err(error) => return Err(crate::reading::read_error(error)),
    };
    Ok(json!({
        "resourceVersion": moment.revision.to_string(),
        "time": text(asked),
        "oldest": oldest(store.first_moment()),
    }))
}

fn oldest(first: Moment) -> Value {
    json!({"resourceVersion": first.revision.to_string(), "time": text(first.time)})
}

/// The time that is asked for.
fn asked(query: &Query, now: SystemTime) -> Result<SystemTime, Status> {
    let invalid = |name: &str, value: &str, want: &str| {
        Status::bad_request(format!("{name}: Invalid value: {value:?}: must be {want}"))
    };
    match (query.get("time"), query.get("ago")) {
        (Some(_), Some(_)) => Err(Status::bad_request("time and ago are two ways to say one thing: give one of them")),
        (None, None) => Ok(now),
        (Some(time), None) => {
            let parsed: Timestamp =
                time.parse().map_err(|_| invalid("time", time, "a time of RFC 3339, such as 2026-11-26T14:03:00Z"))?;
            let parsed = SystemTime::from(parsed);
            if parsed > now {
                let message = format!("in the past; this server's clock says {}", text(now));
                return Err(invalid("time", time, &message));
            }
            Ok(parsed)
        }
        (None, Some(ago)) => {
            let seconds = ago.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let then = seconds.and_then(|ago| now.checked_sub(ago)).filter(|then| *then >= SystemTime::UNIX_EPOCH);
            then.ok_or_else(|| invalid("ago", ago, "a number of seconds"))
        }
    }
}

/// To the millisecond, as RFC 3339.
pub fn text(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => "an unknown time".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_as_such_or_as_seconds_before_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let seconds = |query: &str| {
            let then = asked(&Query::parse(Some(query)), now).map_err(|status| status.message)?;
            Ok::<u64, String>(now.duration_since(then).expect("is past").as_secs())
        };
        assert_eq!(seconds(""), Ok(0));
        assert_eq!(seconds("ago=600"), Ok(600));
        assert_eq!(seconds("time=1970-01-12T13:46:00Z"), Ok(40));
        assert_eq!(seconds("time=1970-01-12T14:46:00%2B01:00"), Ok(40));
        for wrong in
            ["ago=x", "ago=-5", "ago=inf", "ago=9e99", "time=noon", "time=2026-01-01T00:00:00Z", "ago=1&time=1"]
        {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
