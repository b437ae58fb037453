//! Exec and attach over SPDY: a stream each for errors, input, output and sizes.

use std::time::Duration;

use bytes::Bytes;
use timonier_streaming::spdy::{Connection, Stream, StreamReader, StreamWriter};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{
    client::{Client, Gone, size},
    options::Options,
    outcome::Outcome,
};
use crate::runtime::session::{Output, TerminalSize};

/// Versions of the streams' meaning, the newest first; a client that names none speaks the oldest.
pub const PROTOCOLS: [&str; 4] = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
/// How long a client gets to open the streams that it asked for.
const CREATION: Duration = Duration::from_secs(30);

pub struct SpdySink {
    connection: Connection,
    error: StreamWriter,
    stdout: Option<StreamWriter>,
    stderr: Option<StreamWriter>,
    /// Our halves of what the client writes. Ended, they tell it to write no more.
    unused: Vec<StreamWriter>,
    has_status: bool,
}

impl SpdySink {
    pub async fn write(&mut self, output: Output) -> Result<(), Gone> {
        let (stream, bytes) = match output {
            Output::Stdout(bytes) => (&mut self.stdout, bytes),
            Output::Stderr(bytes) => (&mut self.stderr, bytes),
        };
        match stream {
            Some(stream) => stream.send(bytes).await.map_err(|_| Gone),
            None => Ok(()),
        }
    }

    pub async fn finish(mut self, outcome: Outcome) {
        let message = outcome.message(self.has_status);
        let _gone = self.error.send(message.into()).await;
        let own = [Some(self.error), self.stdout, self.stderr].into_iter().flatten();
        for mut stream in own.chain(self.unused) {
            let _gone = stream.finish().await;
        }
        self.connection.close().await;
    }
}

#[derive(Default)]
struct Streams {
    error: Option<Stream>,
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    resize: Option<Stream>,
}

/// Waits for the streams that the client must open. `None`: it went away, or opened something else.
pub async fn client(mut connection: Connection, protocol: &str, options: &Options) -> Option<Client<SpdySink>> {
    let resizes = options.tty && matches!(protocol, "v3.channel.k8s.io" | "v4.channel.k8s.io");
    let streams = tokio::time::timeout(CREATION, streams(&mut connection, options, resizes)).await;
    let Ok(Some(streams)) = streams else {
        tracing::debug!("a client did not open its streams");
        return None;
    };
    let gone = connection.closed();
    let (stdin, input) = mpsc::channel(1);
    let (sizes, resize) = mpsc::channel(1);
    let mut readers = Vec::new();
    let mut unused = Vec::new();
    if let Some(stream) = streams.stdin {
        readers.push(AbortOnDropHandle::new(tokio::spawn(read(stream.reader, stdin))));
        unused.push(stream.writer);
    }
    if let Some(stream) = streams.resize {
        readers.push(AbortOnDropHandle::new(tokio::spawn(read_sizes(stream.reader, sizes))));
        unused.push(stream.writer);
    }
    let sink = SpdySink {
        connection,
        error: streams.error?.writer,
        stdout: streams.stdout.map(|stream| stream.writer),
        stderr: streams.stderr.map(|stream| stream.writer),
        unused,
        has_status: protocol == "v4.channel.k8s.io",
    };
    Some(Client { stdin: input, sizes: resize, sink, gone, readers })
}

async fn streams(connection: &mut Connection, options: &Options, resizes: bool) -> Option<Streams> {
    let mut streams = Streams::default();
    let complete = |streams: &Streams| {
        streams.error.is_some()
            && streams.stdin.is_some() == options.stdin
            && streams.stdout.is_some() == options.stdout
            && streams.stderr.is_some() == options.stderr
            && streams.resize.is_some() == resizes
    };
    while !complete(&streams) {
        let stream = connection.accept().await?;
        let place = match stream.headers.get("streamtype")? {
            "error" => &mut streams.error,
            "stdin" => &mut streams.stdin,
            "stdout" => &mut streams.stdout,
            "stderr" => &mut streams.stderr,
            "resize" => &mut streams.resize,
            other => {
                tracing::debug!("a client opened a stream of type {other:?}");
                return None;
            }
        };
        if place.replace(stream).is_some() {
            return None;
        }
    }
    Some(streams)
}

/// Ends with the input. One that was cut off is told by the connection's end.
async fn read(mut reader: StreamReader, stdin: mpsc::Sender<Bytes>) {
    let mut stdin = Some(stdin);
    while let Some(Ok(bytes)) = reader.next().await {
        if let Some(sender) = &stdin
            && sender.send(bytes).await.is_err()
        {
            // The process takes no more; what comes is read on, so that the client's end is noticed.
            stdin = None;
        }
    }
}

async fn read_sizes(mut reader: StreamReader, sizes: mpsc::Sender<TerminalSize>) {
    while let Some(Ok(bytes)) = reader.next().await {
        if let Some(size) = size(&bytes) {
            let _ended = sizes.send(size).await;
        }
    }
}
