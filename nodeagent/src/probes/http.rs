//! An HTTP answer from 200 to 399 is success.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{tcp, tls};

/// More of an answer is not read.
const BODY_LIMIT: usize = 10 << 10;

pub struct Question<'a> {
    pub host: &'a str,
    pub port: u16,
    pub path: &'a str,
    pub https: bool,
    pub headers: &'a [(String, String)],
}

impl Question<'_> {
    fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}:{}{}", self.host, self.port, slashed(self.path))
    }
}

pub async fn get(question: &Question<'_>, limit: Duration) -> Result<(), String> {
    let status = status(question, limit).await?;
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("HTTP probe failed with statuscode: {status}")) }
}

/// The answer's status, whatever it is.
pub async fn status(question: &Question<'_>, limit: Duration) -> Result<u16, String> {
    let in_time = timeout(limit, ask(question, limit)).await;
    match in_time {
        Ok(answer) => answer,
        Err(_) => Err(format!(
            "Get \"{}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            question.url()
        )),
    }
}

async fn ask(question: &Question<'_>, limit: Duration) -> Result<u16, String> {
    let named = |error: String| format!("Get \"{}\": {error}", question.url());
    let stream = tcp::dial(question.host, question.port, limit).await.map_err(named)?;
    let status = if question.https {
        let stream = tls::wrap(stream, question.host).await.map_err(named)?;
        exchange(TokioIo::new(stream), question).await
    } else {
        exchange(TokioIo::new(stream), question).await
    };
    status.map_err(named)
}

async fn exchange<S>(stream: S, question: &Question<'_>) -> Result<u16, String>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let mut request = http::Request::get(slashed(question.path))
        .header("host", host(question))
        .header("accept", "*/*")
        .header("user-agent", "kube-probe/1.36")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    for (name, value) in question.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let value = http::HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        request.headers_mut().insert(name, value);
    }
    let answer = sender.send_request(request).await.map_err(|error| match error.is_incomplete_message() {
        true => "EOF".to_owned(),
        false => error.to_string(),
    })?;
    let status = answer.status().as_u16();
    // Servers dislike clients that leave in the middle of a short answer.
    let _ = Limited::new(answer.into_body(), BODY_LIMIT).collect().await;
    connection.abort();
    Ok(status)
}

fn host(question: &Question<'_>) -> String {
    match (question.https, question.port) {
        (false, 80) | (true, 443) => question.host.to_owned(),
        (_, port) => format!("{}:{port}", question.host),
    }
}

fn slashed(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn probe(answer: &'static str) -> (Result<(), String>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.expect("a request");
            stream.write_all(answer.as_bytes()).await.expect("answered");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let headers = [("X-Probe".to_owned(), "yes".to_owned())];
        let question = Question { host: "127.0.0.1", port, path: "health?full=1", https: false, headers: &headers };
        let verdict = get(&question, Duration::from_secs(5)).await;
        let request = server.await.expect("served");
        assert!(request.starts_with("GET /health?full=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("x-probe: yes"), "{request}");
        (verdict, port)
    }

    #[tokio::test]
    async fn any_answer_below_400_is_success() {
        assert_eq!(probe("HTTP/1.1 204 No Content\r\n\r\n").await.0, Ok(()));
        assert_eq!(probe("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n").await.0, Ok(()));
    }

    #[tokio::test]
    async fn failures_are_worded_as_the_kubelets() {
        let (verdict, _) = probe("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(verdict, Err("HTTP probe failed with statuscode: 503".to_owned()));
        let (verdict, port) = probe("").await;
        assert_eq!(
            verdict,
            Err(format!("Get \"http://127.0.0.1:{port}health?full=1\": EOF").replace("health", "/health"))
        );
    }

    #[tokio::test]
    async fn a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let refused = tcp::connect("127.0.0.1", port, Duration::from_secs(5)).await;
        assert_eq!(refused, Err(format!("dial tcp 127.0.0.1:{port}: connect: connection refused")));
    }
}
