//! What talks to a container: exec, attach, and connections into its pod.

use std::time::Duration;

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{container, pod, sandbox, start, start_sandbox};
use crate::runtime::{
    AttachRequest, ContainerSpec, ExecRequest, Runtime, RuntimeError, Session,
    session::{OUTPUT_LIMIT, Output, TerminalSize},
};

/// Long enough for anything that ends by itself.
const PLENTY: Duration = Duration::from_secs(60);

pub async fn all<R: Runtime>(runtime: &R, image: &str) {
    let pod = pod("ffff0000-1111");
    let sandbox_id = start_sandbox(runtime, &sandbox(&pod)).await;
    let spec =
        container(&pod, &sandbox_id, image, "busybox httpd -p 127.0.0.1:7009; busybox nc -ll -p 7007 -e busybox cat");
    let id = start(runtime, &spec).await;
    output_and_exit_code_of_a_command(runtime, &id).await;
    input_ends_where_it_is_closed(runtime, &id).await;
    a_terminal_has_a_size_and_raw_bytes(runtime, &id).await;
    a_command_out_of_time_is_killed(runtime, &id).await;
    a_hung_up_command_ends(runtime, &id).await;
    what_does_not_run_is_refused(runtime).await;
    localhost_is_the_pods(runtime, &sandbox_id).await;

    let reads = "busybox cat; busybox echo end >&2";
    let spec = ContainerSpec {
        name: "reader".to_owned(),
        stdin: true,
        stdin_once: true,
        ..container(&pod, &sandbox_id, image, reads)
    };
    let reader = start(runtime, &spec).await;
    attaching_reaches_the_containers_own_streams(runtime, &reader).await;
    for id in [&id, &reader, &sandbox_id] {
        runtime.remove(id).await.expect("removed");
    }
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/busybox", "sh", "-c", script].map(str::to_owned).to_vec()
}

async fn gather(session: &mut Session) -> (Vec<u8>, Vec<u8>) {
    let (mut stdout, mut stderr) = (vec![], vec![]);
    while let Some(chunk) = session.output.next().await {
        match chunk.expect("a chunk") {
            Output::Stdout(bytes) => stdout.extend_from_slice(&bytes),
            Output::Stderr(bytes) => stderr.extend_from_slice(&bytes),
        }
    }
    (stdout, stderr)
}

/// Reads on until the output holds this.
async fn read_until(session: &mut Session, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let chunk = tokio::time::timeout(PLENTY, session.output.next()).await;
        let chunk = chunk.ok().flatten().unwrap_or_else(|| panic!("never {wanted:?} in {seen:?}"));
        seen.push_str(&String::from_utf8_lossy(chunk.expect("a chunk").bytes()));
    }
    seen
}

async fn output_and_exit_code_of_a_command<R: Runtime>(runtime: &R, id: &str) {
    let request = ExecRequest {
        command: shell("echo out; echo err >&2; exit 7"),
        stdout: true,
        stderr: true,
        ..ExecRequest::default()
    };
    let mut session = runtime.exec(id, &request).await.expect("a session");
    assert_eq!(gather(&mut session).await, (b"out\n".to_vec(), b"err\n".to_vec()));
    assert_eq!(session.control.exit_code().await.expect("ended"), Some(7));

    let ran = runtime.exec_sync(id, &shell("echo both; echo both >&2; exit 3"), PLENTY).await.expect("ran");
    assert_eq!((ran.code, ran.output), (Some(3), b"both\nboth\n".to_vec()));
    let noisy = "busybox head -c 300000 /dev/zero; exit 4";
    let ran = runtime.exec_sync(id, &shell(noisy), PLENTY).await.expect("ran");
    assert_eq!((ran.code, ran.output.len()), (Some(4), OUTPUT_LIMIT), "read to the end, kept to the limit");
}

async fn input_ends_where_it_is_closed<R: Runtime>(runtime: &R, id: &str) {
    let command = shell("busybox wc -c; echo then");
    let request = ExecRequest { command, stdin: true, stdout: true, ..ExecRequest::default() };
    let mut session = runtime.exec(id, &request).await.expect("a session");
    let mut input = session.input.take().expect("an input");
    let bytes = vec![7; 1 << 20];
    input.write_all(&bytes).await.expect("written");
    input.shutdown().await.expect("closed");
    assert_eq!(gather(&mut session).await.0, b"1048576\nthen\n");
    assert_eq!(session.control.exit_code().await.expect("ended"), Some(0));
}

async fn a_terminal_has_a_size_and_raw_bytes<R: Runtime>(runtime: &R, id: &str) {
    // The first bytes would pass for the header of a frame.
    let command = shell("busybox printf '\\001\\000\\000\\000'; read line; busybox stty size");
    let request = ExecRequest { command, stdin: true, stdout: true, stderr: true, tty: true };
    let mut session = runtime.exec(id, &request).await.expect("a session");
    read_until(&mut session, "\u{1}\0\0\0").await;
    session.control.resize(TerminalSize { width: 132, height: 43 }).await.expect("resized");
    let mut input = session.input.take().expect("an input");
    input.write_all(b"go\n").await.expect("written");
    input.shutdown().await.expect("our end");
    read_until(&mut session, "43 132").await;
    assert_eq!(session.control.exit_code().await.expect("ended"), Some(0));
}

/// Whether a process with this argument runs in the container.
async fn runs<R: Runtime>(runtime: &R, id: &str, argument: &str) -> bool {
    let looking = format!("busybox ps -o args | busybox grep -v grep | busybox grep -q '^[^ ]*sleep {argument}$'");
    runtime.exec_sync(id, &shell(&looking), PLENTY).await.expect("looked").code == Some(0)
}

async fn until_gone<R: Runtime>(runtime: &R, id: &str, argument: &str) {
    let deadline = tokio::time::Instant::now() + PLENTY;
    while runs(runtime, id, argument).await {
        assert!(tokio::time::Instant::now() < deadline, "sleep {argument} still runs");
    }
}

async fn a_command_out_of_time_is_killed<R: Runtime>(runtime: &R, id: &str) {
    let command = shell("echo begun; trap '' HUP TERM; sleep 7601; echo no");
    let ran = runtime.exec_sync(id, &command, Duration::from_millis(500)).await.expect("ran");
    assert_eq!(ran.code, None, "it ran out of time");
    assert_eq!(ran.output, b"begun\n");
    until_gone(runtime, id, "7601").await;
}

async fn a_hung_up_command_ends<R: Runtime>(runtime: &R, id: &str) {
    let request = ExecRequest { command: shell("echo begun; sleep 7602; echo no"), stdout: true, ..Default::default() };
    let mut session = runtime.exec(id, &request).await.expect("a session");
    read_until(&mut session, "begun").await;
    assert!(runs(runtime, id, "7602").await);
    session.control.hang_up().await.expect("hung up");
    drop(session.output);
    until_gone(runtime, id, "7602").await;
    assert_eq!(session.control.exit_code().await.expect("ended"), Some(129));
    session.control.kill().await.expect("what has ended can be killed again");
}

async fn what_does_not_run_is_refused<R: Runtime>(runtime: &R) {
    let request = ExecRequest { command: shell("true"), ..ExecRequest::default() };
    let refused = runtime.exec("no-such-container", &request).await.err();
    assert!(matches!(refused, Some(RuntimeError::NotFound(_))), "{refused:?}");
    let refused = runtime.attach("no-such-container", &AttachRequest::default()).await.err();
    assert!(matches!(refused, Some(RuntimeError::NotFound(_))), "{refused:?}");
}

async fn localhost_is_the_pods<R: Runtime>(runtime: &R, sandbox: &str) {
    let deadline = tokio::time::Instant::now() + PLENTY;
    let mut stream = loop {
        match runtime.connect(sandbox, None, 7007).await {
            Ok(stream) => break stream,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
    };
    stream.write_all(b"hello").await.expect("written");
    stream.shutdown().await.expect("half closed");
    let mut answer = vec![];
    stream.read_to_end(&mut answer).await.expect("read");
    assert_eq!(answer, b"hello");
    // Nobody outside the pod could reach this one.
    runtime.connect(sandbox, None, 7009).await.expect("a port that only localhost has");
    let refused = runtime.connect(sandbox, None, 7008).await.expect_err("nobody listens").to_string();
    assert!(refused.contains("failed to connect to localhost:7008"), "{refused}");
}

async fn attaching_reaches_the_containers_own_streams<R: Runtime>(runtime: &R, id: &str) {
    let request = AttachRequest { stdin: true, stdout: true, stderr: true };
    let mut session = runtime.attach(id, &request).await.expect("a session");
    let mut input = session.input.take().expect("an input");
    input.write_all(b"spoken\n").await.expect("written");
    read_until(&mut session, "spoken\n").await;
    input.shutdown().await.expect("closed");
    assert_eq!(gather(&mut session).await, (vec![], b"end\n".to_vec()));
    assert_eq!(session.control.exit_code().await.expect("told"), None);
}
