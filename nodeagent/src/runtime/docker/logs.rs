//! A container's log as bytes, stdout and stderr in the order in which Docker kept them.

use bollard::{Docker, query_parameters::LogsOptionsBuilder};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};

use super::convert;
use crate::runtime::{LogQuery, RuntimeError};

pub fn stream(
    docker: &Docker,
    id: &str,
    query: &LogQuery,
) -> impl Stream<Item = Result<Bytes, RuntimeError>> + Send + 'static {
    let tail = query.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let mut options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .follow(query.follow)
        .timestamps(query.timestamps)
        .tail(&tail);
    if let Some(since) = query.since {
        options = options.since(i32::try_from(since.as_second()).unwrap_or(i32::MAX));
    }
    docker.logs(id, Some(options.build())).map_ok(|chunk| chunk.into_bytes()).map_err(convert::error)
}
