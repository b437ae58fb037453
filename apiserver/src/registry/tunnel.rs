//! Two upgraded connections, and the bytes between them.

use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// How long one side may still read and talk after the other has closed.
const LINGER: Duration = Duration::from_secs(10);

/// Copies both ways until a side is gone or the server drains. Each way waits for its own reader, for nobody else's.
pub async fn run(client: Upgraded, agent: Upgraded, stop: CancellationToken) {
    between(TokioIo::new(client), TokioIo::new(agent), stop).await;
}

async fn between<C, A>(client: C, agent: A, stop: CancellationToken)
where
    C: AsyncRead + AsyncWrite,
    A: AsyncRead + AsyncWrite,
{
    let (client_reader, client_writer) = tokio::io::split(client);
    let (agent_reader, agent_writer) = tokio::io::split(agent);
    let up = copy(client_reader, agent_writer);
    let down = copy(agent_reader, client_writer);
    tokio::pin!(up, down);
    let first = tokio::select! {
        ended = &mut up => Ended::Client(ended.is_ok()),
        ended = &mut down => Ended::Agent(ended.is_ok()),
        () = stop.cancelled() => Ended::Stopped,
    };
    // What the other side has to say or to read is let through: closing at once would take it back.
    let rest = async {
        match first {
            Ended::Client(true) => drop(down.await),
            Ended::Agent(true) => drop(up.await),
            _ => {}
        }
    };
    tokio::select! {
        _late = tokio::time::timeout(LINGER, rest) => {}
        () = stop.cancelled() => {}
    }
}

/// Whose half ended first, and whether in order.
enum Ended {
    Client(bool),
    Agent(bool),
    Stopped,
}

async fn copy(mut reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) -> std::io::Result<()> {
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream};

    use super::*;

    fn tunnel() -> (DuplexStream, DuplexStream, CancellationToken, tokio::task::JoinHandle<()>) {
        let ((client, ours), (agent, theirs)) = (tokio::io::duplex(64), tokio::io::duplex(64));
        let stop = CancellationToken::new();
        let running = tokio::spawn(between(ours, theirs, stop.clone()));
        (client, agent, stop, running)
    }

    #[tokio::test]
    async fn bytes_and_halves_pass_both_ways() {
        let (mut client, mut agent, _stop, running) = tunnel();
        client.write_all(b"question").await.expect("written");
        client.shutdown().await.expect("half closed");
        let mut asked = String::new();
        agent.read_to_string(&mut asked).await.expect("read");
        agent.write_all(b"answer").await.expect("written");
        agent.shutdown().await.expect("half closed");
        let mut answered = String::new();
        client.read_to_string(&mut answered).await.expect("read");
        assert_eq!((&*asked, &*answered), ("question", "answer"));
        running.await.expect("ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_stays_behind_is_let_go() {
        let (client, mut agent, _stop, running) = tunnel();
        drop(client);
        assert_eq!(agent.read(&mut [0]).await.expect("an end"), 0);
        tokio::time::timeout(LINGER * 2, running).await.expect("in time").expect("ended");
    }

    #[tokio::test]
    async fn a_drain_cuts_it() {
        let (mut client, _agent, stop, running) = tunnel();
        stop.cancel();
        running.await.expect("ended");
        assert_eq!(client.read(&mut [0]).await.expect("an end"), 0);
    }
}
