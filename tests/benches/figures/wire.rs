//! HTTP/1.1 over TLS with as little client as can be: whole requests as bytes, and of an answer only its status and its
//! length. What is left of the two cores is the server's.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// More than any answer that is read at once here.
const BUFFER: usize = 64 << 10;

/// One keep-alive connection.
pub struct Wire {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Wire {
    pub fn new(stream: TlsStream<TcpStream>) -> Wire {
        Wire { stream, buffer: vec![0; BUFFER] }
    }

    /// Sends a whole request and reads the whole answer, which must be a success.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut filled = 0;
        let (head, length) = loop {
            ensure!(filled < self.buffer.len(), "the head of the answer is too long");
            filled += self.read(filled).await?;
            if let Some(end) = self.buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break (end + 4, content_length(&self.buffer[..end])?);
            }
        };
        let good = self.buffer[..filled].get(9) == Some(&b'2');
        if !good {
            bail!("{}", String::from_utf8_lossy(&self.buffer[..filled]));
        }
        let mut missing = (head + length).checked_sub(filled).context("more came than was announced")?;
        while missing > 0 {
            let read = self.read(0).await?;
            missing = missing.checked_sub(read).context("more came than was announced")?;
        }
        Ok(())
    }

    async fn read(&mut self, from: usize) -> Result<usize> {
        let read = self.stream.read(&mut self.buffer[from..]).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(read)
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let name = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name));
    let value = std::str::from_utf8(line.context("the answer has no Content-Length")?)?;
    Ok(value[name.len()..].trim().parse()?)
}

/// A request that is made once and sent again and again with another number of always the same width in it.
#[derive(Clone)]
pub struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

/// Stands in a template where the number goes.
pub const NUMBER: &str = "@@@@@@";

impl Template {
    pub fn new(method: &str, path: &str, token: &str, kind: &str, body: &str) -> Template {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: server\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\n\
             accept: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let places = text.match_indices(NUMBER).map(|(at, _)| at).collect();
        Template { bytes: text.into_bytes(), places }
    }

    /// The request with this number.
    pub fn fill(&mut self, mut number: usize) -> &[u8] {
        let mut digits = [b'0'; NUMBER.len()];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        for place in &self.places {
            self.bytes[*place..*place + digits.len()].copy_from_slice(&digits);
        }
        &self.bytes
    }
}
