//! One cluster, one client: requests as they go over the wire, answers as JSON, errors as `Status`.

use crate::error::Error;
use crate::output;
use futures::{Stream, StreamExt, TryStreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

const JSON: &str = "application/json";

/// A connection to one cluster and the namespace that commands work in by default.
#[derive(Clone)]
pub struct Session {
    client: kube::Client,
    server: String,
    namespace: Namespace,
    timeout: Option<Duration>,
    /// The revision at which everything is read; the newest if there is none.
    revision: Option<String>,
    warned: Arc<Mutex<BTreeSet<String>>>,
    catalog: Arc<tokio::sync::OnceCell<super::Catalog>>,
}

/// The namespace of objects that name none.
#[derive(Clone, Debug)]
pub struct Namespace {
    pub name: String,
    /// Given with `--namespace`, so that an object in a file may not contradict it.
    pub explicit: bool,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    accept: String,
    body: Option<(&'static str, Vec<u8>)>,
}

impl Call {
    pub fn new(method: Method, path: impl Into<String>) -> Call {
        Call { method, path: path.into(), query: Vec::new(), accept: JSON.into(), body: None }
    }

    pub fn get(path: impl Into<String>) -> Call {
        Call::new(Method::GET, path)
    }

    pub fn query(mut self, key: &'static str, value: impl ToString) -> Call {
        self.query.push((key, value.to_string()));
        self
    }

    /// Adds the parameter if there is a value.
    pub fn query_some(self, key: &'static str, value: Option<impl ToString>) -> Call {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    pub fn accept(mut self, accept: &str) -> Call {
        self.accept = accept.into();
        self
    }

    pub fn body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Call {
        self.body = Some((content_type, body.into()));
        self
    }

    pub fn json(self, body: &Value) -> Call {
        self.body(JSON, body.to_string())
    }

    fn target(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
        match pairs.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, pairs.join("&")),
        }
    }

    fn request(self) -> Result<Request<Body>, Error> {
        let mut request =
            Request::builder().method(self.method.clone()).uri(self.target()).header(header::ACCEPT, &self.accept);
        let mut body = Vec::new();
        if let Some((content_type, bytes)) = self.body {
            request = request.header(header::CONTENT_TYPE, content_type);
            body = bytes;
        }
        if let Some(headers) = request.headers_mut() {
            timonier_telemetry::inject(headers);
        }
        request.body(Body::from(body)).map_err(|error| Error::usage(format!("cannot make a request of this: {error}")))
    }
}

/// A path segment or query value, percent-encoded.
pub fn encode(text: &str) -> String {
    const KEEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, KEEP).to_string()
}

impl Session {
    pub fn new(client: kube::Client, server: String, namespace: Namespace, timeout: Option<Duration>) -> Session {
        Session {
            client,
            server,
            namespace,
            timeout,
            revision: None,
            warned: Arc::default(),
            catalog: Default::default(),
        }
    }

    /// The namespace for objects that name none.
    pub fn namespace(&self) -> &str {
        &self.namespace.name
    }

    /// The same connection, working in another namespace.
    pub fn in_namespace(&self, name: &str) -> Session {
        Session { namespace: Namespace { name: name.to_string(), ..self.namespace }, ..self.clone() }
    }

    /// The same connection, reading what was there at a moment.
    pub fn at(&self, moment: &super::past::Moment) -> Session {
        Session { revision: Some(moment.revision.clone()), ..self.clone() }
    }

    /// The call at this session's moment. Further pages of a list stay at the moment of the first by themselves.
    fn at_moment(&self, call: Call) -> Call {
        match &self.revision {
            Some(revision) if call.method == Method::GET && call.query.iter().all(|(name, _)| *name != "continue") => {
                call.query("resourceVersion", revision).query("resourceVersionMatch", "Exact")
            }
            _ => call,
        }
    }

    /// The namespace of an object of this type; empty if the type is cluster-wide.
    pub fn namespace_of(&self, resource: &super::Resource, own: Option<&str>) -> Result<String, Error> {
        let default = &self.namespace.name;
        match own.filter(|own| !own.is_empty()) {
            _ if !resource.namespaced => Ok(String::new()),
            None => Ok(default.clone()),
            Some(own) if self.namespace.explicit && own != default => Err(Error::usage(format!(
                "the namespace from the provided object \"{own}\" does not match the namespace \"{default}\". \
                 You must pass '--namespace={own}' to perform this operation."
            ))),
            Some(own) => Ok(own.to_string()),
        }
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        self.server.trim_end_matches('/')
    }

    /// What the server serves; asked for once.
    pub async fn catalog(&self) -> Result<&super::Catalog, Error> {
        self.catalog.get_or_try_init(|| super::discovery::discover(self)).await
    }

    /// The answer's body as JSON.
    pub async fn json(&self, call: Call) -> Result<Value, Error> {
        let bytes = self.bytes(call).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Protocol(error.to_string()))
    }

    /// The answer's body.
    pub async fn bytes(&self, call: Call) -> Result<Vec<u8>, Error> {
        let whole = async {
            let response = self.send(call).await?;
            let body = response.into_body().collect().await.map_err(|error| self.failure(error))?;
            Ok(body.to_bytes().to_vec())
        };
        match self.timeout {
            None => whole.await,
            Some(limit) => {
                tokio::time::timeout(limit, whole).await.map_err(|_| Error::RequestTimeout(format!("{limit:?}")))?
            }
        }
    }

    /// The answer's body line by line, as it arrives.
    pub async fn lines(&self, call: Call) -> Result<impl Stream<Item = Result<String, Error>> + use<>, Error> {
        let body = self.send(call).await?.into_body();
        let reader = StreamReader::new(body.into_data_stream().map_err(std::io::Error::other));
        // A connection that the server cut ends the stream, as for kubectl.
        Ok(FramedRead::new(reader, LinesCodec::new()).map(|line| {
            line.map_err(|error| match error {
                LinesCodecError::Io(source) => Error::Unreachable { detail: source.to_string() },
                LinesCodecError::MaxLineLengthExceeded => Error::Protocol("a line without an end".into()),
            })
        }))
    }

    /// The answer's body in the pieces in which it arrives.
    pub async fn stream(&self, call: Call) -> Result<impl Stream<Item = Result<bytes::Bytes, Error>> + use<>, Error> {
        let body = self.send(call).await?.into_body();
        Ok(body.into_data_stream().map_err(|error| Error::Unreachable { detail: error.to_string() }))
    }

    /// Sends the request; anything but success is an error. Warnings of the server go to standard error, each once.
    pub async fn send(&self, call: Call) -> Result<Response<Body>, Error> {
        let call = self.at_moment(call);
        tracing::debug!(method = %call.method, target = %call.target(), "request");
        let response = self.client.send(call.request()?).await.map_err(|error| self.failure(error))?;
        tracing::debug!(status = %response.status(), "response");
        self.warn(response.headers());
        match response.status().is_success() {
            true => Ok(response),
            false => Err(refusal(response).await),
        }
    }

    /// Asks for another protocol than HTTP; the answer has the connection to itself.
    pub async fn upgrade(&self, call: Call, handshake: HeaderMap) -> Result<Response<Body>, Error> {
        tracing::debug!(target = %call.target(), "upgrade");
        let mut request = call.request()?;
        request.headers_mut().extend(handshake);
        let response = self.client.send(request).await.map_err(|error| self.failure(error))?;
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => Ok(response),
            _ => Err(refusal(response).await),
        }
    }

    fn warn(&self, headers: &HeaderMap) {
        for value in headers.get_all(header::WARNING) {
            let Some(text) = value.to_str().ok().and_then(warning_text) else { continue };
            let fresh = self.warned.lock().is_ok_and(|mut warned| warned.insert(text.clone()));
            if fresh {
                output::note(format!("Warning: {text}"));
            }
        }
    }

    /// Why no answer came.
    fn failure(&self, error: impl std::error::Error + 'static) -> Error {
        let server = self.client_address();
        let mut causes = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<std::io::Error>()
                && io.kind() == std::io::ErrorKind::ConnectionRefused
            {
                return Error::Refused { server };
            }
            causes.push(inner.to_string());
            cause = inner.source();
        }
        Error::Unreachable { detail: causes.pop().unwrap_or_default() }
    }

    /// Host and port, as kubectl names a server.
    fn client_address(&self) -> String {
        let address = self.server();
        address.split_once("://").map_or(address, |(_, rest)| rest).split('/').next().unwrap_or(address).to_string()
    }
}

/// The text of `299 - "text"`, its quoting undone.
fn warning_text(value: &str) -> Option<String> {
    let start = value.find('"')? + 1;
    let mut text = String::new();
    let mut chars = value[start..].chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some(text),
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    None
}

/// The `Status` in the body, or one made from the HTTP status if the body holds something else.
async fn refusal(response: Response<Body>) -> Error {
    let code = response.status();
    let bytes = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Error::Unreachable { detail: error.to_string() },
    };
    match serde_json::from_slice::<Status>(&bytes) {
        Ok(status) if status.status.is_some() => Error::Api(Box::new(status)),
        _ => {
            let text = String::from_utf8_lossy(&bytes).trim().to_string();
            let reason = match code {
                StatusCode::NOT_FOUND => Some("NotFound"),
                StatusCode::UNAUTHORIZED => Some("Unauthorized"),
                StatusCode::FORBIDDEN => Some("Forbidden"),
                StatusCode::SERVICE_UNAVAILABLE => Some("ServiceUnavailable"),
                _ => None,
            };
            Error::Api(Box::new(Status {
                code: Some(code.as_u16().into()),
                reason: reason.map(str::to_string),
                message: Some(if text.is_empty() { code.to_string() } else { text }),
                ..Status::default()
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_header_is_unquoted() {
        assert_eq!(warning_text(r#"299 - "unknown field \"spec.x\"""#).as_deref(), Some("unknown field \"spec.x\""));
        assert_eq!(warning_text("299 - no quotes"), None);
    }

    #[test]
    fn query_values_are_encoded() {
        let call = Call::get("/api/v1/pods").query("labelSelector", "app in (a,b)").query("limit", 5);
        assert_eq!(call.target(), "/api/v1/pods?labelSelector=app%20in%20%28a%2Cb%29&limit=5");
    }
}
