//! A hijacked stream's bytes as a process's output.
//!
//! Without a terminal Docker frames both streams into one: a byte for the stream, three zeros, the length in four
//! bytes (big endian), the payload. With a terminal there are no frames.

use bytes::{Buf, BytesMut};
use futures::{Stream, stream};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::runtime::{RuntimeError, session::Output};

const HEADER: usize = 8;
const STDERR: u8 = 2;
/// What is read at once, in bytes.
const CHUNK: usize = 32 << 10;

/// Where in the frames the next byte is. A payload is handed on as it comes, never gathered.
#[derive(Debug, Default)]
struct Frames {
    stderr: bool,
    left: usize,
}

impl Frames {
    fn next(&mut self, buffer: &mut BytesMut) -> Option<Output> {
        while self.left == 0 {
            if buffer.len() < HEADER {
                return None;
            }
            self.stderr = buffer[0] == STDERR;
            buffer.advance(4);
            self.left = buffer.get_u32() as usize;
        }
        if buffer.is_empty() {
            return None;
        }
        let payload = buffer.split_to(self.left.min(buffer.len())).freeze();
        self.left -= payload.len();
        Some(if self.stderr { Output::Stderr(payload) } else { Output::Stdout(payload) })
    }
}

/// Ends when the other side does.
pub fn output<R>(reader: R, tty: bool) -> impl Stream<Item = Result<Output, RuntimeError>> + Send + 'static
where
    R: AsyncRead + Unpin + Send + 'static,
{
    let frames = (!tty).then(Frames::default);
    stream::unfold((reader, frames, BytesMut::new()), |(mut reader, mut frames, mut buffer)| async move {
        loop {
            let next = match &mut frames {
                Some(frames) => frames.next(&mut buffer),
                None => (!buffer.is_empty()).then(|| Output::Stdout(buffer.split().freeze())),
            };
            if let Some(next) = next {
                return Some((Ok(next), (reader, frames, buffer)));
            }
            buffer.reserve(CHUNK);
            match reader.read_buf(&mut buffer).await {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    let error = RuntimeError::Unavailable(error.to_string());
                    // Read again, it says that it has ended.
                    return Some((Err(error), (reader, frames, buffer)));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn read(bytes: &[u8], tty: bool, at_once: usize) -> Vec<Output> {
        let (mut writer, reader) = tokio::io::duplex(at_once);
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut writer, &bytes).await.expect("written");
        });
        let read = output(reader, tty).map(|chunk| chunk.expect("a chunk")).collect().await;
        writing.await.expect("ended");
        read
    }

    fn joined(read: &[Output]) -> (Vec<u8>, Vec<u8>) {
        let (mut stdout, mut stderr) = (vec![], vec![]);
        for chunk in read {
            match chunk {
                Output::Stdout(bytes) => stdout.extend_from_slice(bytes),
                Output::Stderr(bytes) => stderr.extend_from_slice(bytes),
            }
        }
        (stdout, stderr)
    }

    #[tokio::test]
    async fn frames_are_told_apart_wherever_they_are_cut() {
        let bytes = b"\x01\0\0\0\0\0\0\x02ab\x02\0\0\0\0\0\0\x01e\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x03cde";
        for at_once in [1, 2, 3, 7, 8, 9, 64] {
            let read = read(bytes, false, at_once).await;
            assert_eq!(joined(&read), (b"abcde".to_vec(), b"e".to_vec()), "{at_once} at once");
            let first_stderr = read.iter().position(|chunk| matches!(chunk, Output::Stderr(_))).expect("stderr");
            assert_eq!(joined(&read[..first_stderr]).0, b"ab", "in order");
        }
    }

    #[tokio::test]
    async fn a_terminals_first_bytes_are_no_header() {
        let bytes = b"\x01\0\0\0\0\0\0\x02ab\x02";
        let (stdout, stderr) = joined(&read(bytes, true, 64).await);
        assert_eq!(stdout, bytes);
        assert!(stderr.is_empty());
    }
}
