use tokio::io::DuplexStream;

use bytes::Bytes;

use super::*;

fn headers(kind: &str) -> Headers {
    [("streamtype", kind)].into_iter().collect()
}

fn start(io: DuplexStream, role: Role) -> Connection {
    let (reader, writer) = tokio::io::split(io);
    Connection::start(reader, writer, role, Options::default())
}

fn pair() -> (Connection, Connection) {
    let (client, server) = tokio::io::duplex(1 << 16);
    (start(client, Role::Client), start(server, Role::Server))
}

/// Opens a stream at one end and accepts it at the other.
async fn open(client: &Connection, server: &mut Connection) -> (Stream, Stream) {
    let opener = client.opener();
    let (opened, accepted) = tokio::join!(opener.open(headers("data")), server.accept());
    (opened.expect("opened"), accepted.expect("accepted"))
}

async fn read_all(reader: &mut StreamReader) -> Result<Vec<u8>, Lost> {
    let mut all = vec![];
    while let Some(bytes) = reader.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all)
}

#[tokio::test]
async fn many_streams_carry_their_own_bytes_both_ways() {
    let (client, mut server) = pair();
    let echo = tokio::spawn(async move {
        let mut echoes = tokio::task::JoinSet::new();
        while let Some(mut stream) = server.accept().await {
            echoes.spawn(async move {
                while let Some(Ok(bytes)) = stream.reader.next().await {
                    stream.writer.send(bytes).await.expect("sent");
                }
                stream.writer.finish().await.expect("finished");
            });
        }
        echoes.join_all().await;
    });
    let opener = client.opener();
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..40u8 {
        let opener = opener.clone();
        streams.spawn(async move {
            let mut stream = opener.open(headers("data")).await.expect("opened");
            let sent = vec![number; 300_000];
            let mut writer = stream.writer;
            let bytes = Bytes::from(sent.clone());
            let writing = tokio::spawn(async move {
                writer.send(bytes).await.expect("sent");
                writer.finish().await.expect("finished");
            });
            assert!(read_all(&mut stream.reader).await == Ok(sent), "stream {number}");
            writing.await.expect("ended");
        });
    }
    streams.join_all().await;
    assert!(client.shared.table.lock().entries.is_empty(), "ended streams are forgotten");
    client.close().await;
    echo.await.expect("ended");
}

#[tokio::test]
async fn with_windows_a_stream_that_nobody_reads_holds_up_no_other() {
    let (client, mut server) = pair();
    let (mut stuck, _never_read) = open(&client, &mut server).await;
    let filling = tokio::spawn(async move {
        let sent = stuck.writer.send(Bytes::from(vec![0; 10 << 20])).await;
        (sent, stuck)
    });
    let (mut quick, mut other) = open(&client, &mut server).await;
    let writing = tokio::spawn(async move {
        quick.writer.send(Bytes::from(vec![1; 1 << 20])).await.expect("sent");
        quick.writer.finish().await.expect("finished");
        quick
    });
    assert_eq!(read_all(&mut other.reader).await.map(|all| all.len()), Ok(1 << 20));
    writing.await.expect("written");
    assert!(!filling.is_finished(), "it waits for its window");
    drop(client);
    assert_eq!(filling.await.expect("ended").0, Err(Lost));
}

#[tokio::test]
async fn a_peer_without_windows_is_sent_to_as_it_reads() {
    let (theirs, ours) = tokio::io::duplex(4096);
    let mut server = start(ours, Role::Server);
    let (mut encoder, mut out) = (Encoder::default(), BytesMut::new());
    encoder.encode(&Frame::SynStream { stream: 1, fin: false, headers: headers("data") }, &mut out).expect("encoded");
    let (mut reader, mut writer) = tokio::io::split(theirs);
    writer.write_all(&out).await.expect("written");
    let mut stream = server.accept().await.expect("accepted");
    let sending = tokio::spawn(async move {
        stream.writer.send(Bytes::from(vec![3; 1 << 20])).await.expect("sent");
        stream.writer.finish().await.expect("finished");
        (server, stream)
    });
    let (mut decoder, mut buffer, mut seen, mut ended) = (Decoder::default(), BytesMut::new(), 0, false);
    while !ended {
        reader.read_buf(&mut buffer).await.expect("read");
        while let Some(frame) = decoder.decode(&mut buffer).expect("a frame") {
            match frame {
                Frame::Data { fin, bytes, .. } => {
                    seen += bytes.len();
                    ended |= fin;
                }
                Frame::SynReply { stream, .. } => assert_eq!(stream, 1),
                Frame::Ping(_) => {}
                other => panic!("{other:?} to a peer that sent no settings"),
            }
        }
    }
    assert_eq!(seen, 1 << 20);
    sending.await.expect("ended");
}

#[tokio::test]
async fn a_reset_and_a_lost_connection_are_no_end() {
    let (client, mut server) = pair();
    let (mut reset, theirs) = open(&client, &mut server).await;
    drop(theirs.writer);
    assert_eq!(reset.reader.next().await, Some(Err(Lost)));
    let (mut cut, _held) = open(&client, &mut server).await;
    let opener = client.opener();
    drop(server);
    assert_eq!(cut.reader.next().await, Some(Err(Lost)));
    assert_eq!(cut.writer.send(Bytes::from_static(b"x")).await, Err(Lost));
    assert!(opener.open(headers("late")).await.is_err());
    client.closed().cancelled().await;
}

#[tokio::test]
async fn what_was_sent_before_closing_arrives() {
    let (client, mut server) = pair();
    let (mut stream, mut theirs) = open(&client, &mut server).await;
    theirs.writer.send(Bytes::from_static(b"last words")).await.expect("sent");
    theirs.writer.finish().await.expect("finished");
    server.close().await;
    assert_eq!(read_all(&mut stream.reader).await, Ok(b"last words".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let (client, mut server) = pair();
    let (mut stream, _theirs) = open(&client, &mut server).await;
    tokio::time::sleep(Options::default().idle - Duration::from_secs(60)).await;
    stream.writer.send(Bytes::from_static(b"x")).await.expect("sent");
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!client.closed().is_cancelled(), "it was used in between");
    tokio::time::timeout(Options::default().idle * 2, client.closed().cancelled()).await.expect("closed");
}
