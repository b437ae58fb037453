//! A network link that can be cut: a TCP proxy before one address.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    /// Connections break, and new ones are refused.
    Cut,
    /// Connections stand, but nothing gets through.
    Silent,
}

#[derive(Debug, Clone, Copy)]
struct State {
    link: Link,
    /// How often it was cut: connections from before break, also when it is up again by now.
    cuts: usize,
}

/// Ends with this value, and all connections with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A link to `target` (`host:port`).
    pub async fn start(target: &str) -> Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State { link: Link::Up, cuts: 0 });
        let task = tokio::spawn(accept(listener, target.to_owned(), seen));
        Ok(Proxy { address, state, task })
    }

    /// `host:port` of this end.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn cut(&self) {
        self.state.send_modify(|state| *state = State { link: Link::Cut, cuts: state.cuts + 1 });
    }

    pub fn silence(&self) {
        self.state.send_modify(|state| state.link = Link::Silent);
    }

    pub fn heal(&self) {
        self.state.send_modify(|state| state.link = Link::Up);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: String, state: watch::Receiver<State>) {
    while let Ok((near, _)) = listener.accept().await {
        if state.borrow().link == Link::Cut {
            continue;
        }
        let (target, state) = (target.clone(), state.clone());
        tokio::spawn(async move {
            if let Ok(far) = TcpStream::connect(&target).await {
                carry(near, far, state).await;
            }
        });
    }
}

/// Until an end closes or the link is cut.
async fn carry(near: TcpStream, far: TcpStream, state: watch::Receiver<State>) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let cuts = state.borrow().cuts;
    let mut gone = state.clone();
    tokio::select! {
        () = pump(&mut near_in, &mut far_out, state.clone()) => {}
        () = pump(&mut far_in, &mut near_out, state) => {}
        _ = gone.wait_for(|now| now.cuts != cuts) => {}
    }
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|now| now.link != Link::Silent).await.is_err() || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}
