//! A port that accepts is alive.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

/// The error is worded as Go words it.
pub async fn connect(host: &str, port: u16, limit: Duration) -> Result<(), String> {
    dial(host, port, limit).await.map(drop)
}

pub async fn dial(host: &str, port: u16, limit: Duration) -> Result<TcpStream, String> {
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    match timeout(limit, TcpStream::connect(&address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            let error = match error.kind() {
                std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
                std::io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
                _ => error.to_string(),
            };
            Err(format!("dial tcp {address}: {error}"))
        }
        Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
    }
}
