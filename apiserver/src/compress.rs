//! Large answers are compressed for clients that can read it, as Kubernetes does: gzip, from 128 KiB on.

use std::io::Write;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;

/// Answers of fewer bytes go out as they are.
const THRESHOLD: u64 = 128 << 10;

/// The response, compressed when the client accepts it and its length is known and large. Streams without an end, such
/// as watches, have no known length.
pub fn large(request: &HeaderMap, mut response: Response) -> Response {
    if response.headers().contains_key(header::CONTENT_ENCODING) || length(&response).is_none_or(|l| l < THRESHOLD) {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !accepts(request, "gzip") {
        return response;
    }
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(head, Body::from_stream(compressed(body)))
}

fn length(response: &Response) -> Option<u64> {
    let header = response.headers().get(header::CONTENT_LENGTH);
    header.and_then(|length| length.to_str().ok()?.parse().ok()).or_else(|| response.body().size_hint().exact())
}

/// Whether an encoding is among those that the client takes, and not refused by `;q=0`.
pub fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let headers = request.get_all(header::ACCEPT_ENCODING).into_iter();
    headers.filter_map(|header| header.to_str().ok()).flat_map(|header| header.split(',')).any(|clause| {
        let mut parts = clause.split(';').map(str::trim);
        parts.next() == Some(encoding) && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// Each chunk is compressed when it is asked for; the fastest level, as the network is near.
fn compressed(body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    let chunks = body.into_data_stream();
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    stream::unfold(Some((chunks, encoder)), |state| async move {
        let (mut chunks, mut encoder) = state?;
        loop {
            match chunks.next().await {
                Some(Ok(chunk)) => {
                    if let Err(error) = encoder.write_all(&chunk) {
                        return Some((Err(axum::Error::new(error)), None));
                    }
                    let ready = std::mem::take(encoder.get_mut());
                    if !ready.is_empty() {
                        return Some((Ok(ready.into()), Some((chunks, encoder))));
                    }
                }
                Some(Err(error)) => return Some((Err(error), None)),
                None => return Some((encoder.finish().map(Bytes::from).map_err(axum::Error::new), None)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_encoding_is_not_used() {
        for (header, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("x-gzip-like", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(accepts(&headers, "gzip"), expected, "{header}");
        }
        assert!(!accepts(&HeaderMap::new(), "gzip"));
    }
}
