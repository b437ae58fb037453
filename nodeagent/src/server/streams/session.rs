//! A client and a process, brought together until one of them ends.

use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use super::{client::Client, outcome::Outcome, sink::Sink};
use crate::runtime::{RuntimeError, Session};

/// `command` is what an error says was executed.
pub async fn run(session: Session, client: Client<Sink>, command: Vec<String>) {
    let Session { input, mut output, control, .. } = session;
    let Client { mut stdin, mut sizes, mut sink, gone, readers } = client;
    let feeding = async {
        let Some(mut input) = input else { return };
        while let Some(bytes) = stdin.recv().await {
            if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
                // The process takes no more, and the client finds out.
                return;
            }
        }
        let _ended = input.shutdown().await;
    };
    let resizing = async {
        while let Some(size) = sizes.recv().await {
            if let Err(error) = control.resize(size).await {
                tracing::debug!(%error, "terminal not resized");
            }
        }
    };
    let speaking = async {
        while let Some(chunk) = output.next().await {
            match chunk {
                Ok(chunk) => sink.write(chunk).await.ok()?,
                Err(error) => return Some(Outcome::Failed(error)),
            }
        }
        Some(ended(control.exit_code().await, command))
    };
    let beside = async {
        // Neither's end is the session's.
        tokio::join!(feeding, resizing);
        std::future::pending::<()>().await
    };
    let outcome = tokio::select! {
        outcome = speaking => outcome,
        () = gone.cancelled() => None,
        () = beside => None,
    };
    drop(stdin);
    match outcome {
        Some(outcome) => sink.finish(outcome, gone).await,
        None => {
            if let Err(error) = control.hang_up().await {
                tracing::debug!(%error, "the process was not told that its client is gone");
            }
        }
    }
    drop(readers);
}

fn ended(code: Result<Option<i32>, RuntimeError>, command: Vec<String>) -> Outcome {
    match code {
        Ok(None | Some(0)) => Outcome::Success,
        Ok(Some(code)) => Outcome::NonZero { command, code },
        Err(error) => Outcome::Failed(error),
    }
}
