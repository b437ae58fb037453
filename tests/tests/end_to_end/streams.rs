//! exec, attach, port-forward and cp on real Docker, by kctl and by kubectls that speak WebSocket and SPDY.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use timonier_tests::binaries::binary;
use timonier_tests::clients::debian_s_kubectl;
use timonier_tests::cluster::{Cluster, Store, Wish};
use timonier_tests::command::{Program, Said, Streaming};
use timonier_tests::scenario;
use timonier_tests::terminal::Terminal;
use timonier_tests::wait::{PATIENCE, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_talks_to_a_pod_reaches_it() {
    let wish = Wish { store: Store::Embedded, nodes: 1, hollow: false };
    scenario::on(wish, async |cluster| all_clients(cluster).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_pod_refuses_to_talk() {
    let wish = Wish { store: Store::Embedded, nodes: 1, hollow: true };
    scenario::on(wish, async |cluster| refusals(cluster).await).await;
}

const PODS: &str = "apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {app: talker}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: IMAGE
      imagePullPolicy: Never
      command: [sh, -c, 'httpd -p 127.0.0.1:8080 -h /bin; exec nc -ll -p 7007 -e cat']
      ports: [{name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: Never
  containers:
    - name: main
      image: IMAGE
      imagePullPolicy: Never
      stdin: true
      command: [sh, -c, 'while read line; do echo read $line; done']
---
apiVersion: v1
kind: Service
metadata: {name: talker}
spec:
  selector: {app: talker}
  ports: [{port: 80, targetPort: http}]
";

struct Client<'a> {
    cluster: &'a Cluster,
    path: PathBuf,
}

impl Client<'_> {
    fn program(&self, args: &[&str]) -> Result<Program> {
        Ok(self.cluster.client_program(&self.path)?.args(args))
    }

    async fn run(&self, args: &[&str]) -> Result<Said> {
        self.program(args)?.run().await
    }

    /// A shell script in which `$K` is the client.
    async fn script(&self, script: &str) -> Result<String> {
        let shell = self.cluster.client_program(Path::new("/bin/sh"))?.env("K", &self.path);
        shell.args(["-euc", script]).run().await?.ok()
    }
}

async fn all_clients(cluster: &Cluster) -> Result<()> {
    cluster.apply(&PODS.replace("IMAGE", cluster.image())).await?;
    cluster.kctl(["wait", "--for=condition=Ready", "pod/talker", "pod/reader", "--timeout=120s"]).await?.ok()?;
    for path in [binary("kctl")?, "kubectl".into(), debian_s_kubectl(Path::new(env!("CARGO_TARGET_TMPDIR"))).await?] {
        let client = Client { cluster, path };
        let name = client.path.display().to_string();
        commands(&client).await.with_context(|| format!("exec by {name}"))?;
        much_both_ways(&client).await.with_context(|| format!("50 MB by {name}"))?;
        terminal(&client).await.with_context(|| format!("a terminal by {name}"))?;
        attached(&client).await.with_context(|| format!("attach by {name}"))?;
        // kubectl 1.20 knows no windows: a stream that waits to be read holds up all others of its connection.
        if !client.path.starts_with(env!("CARGO_TARGET_TMPDIR")) {
            forwarded(&client).await.with_context(|| format!("port-forward by {name}"))?;
        }
        copied(&client).await.with_context(|| format!("cp by {name}"))?;
        cut(&client).await.with_context(|| format!("cut connections of {name}"))?;
    }
    Ok(())
}

async fn commands(client: &Client<'_>) -> Result<()> {
    let said = client.run(&["exec", "talker", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]).await?;
    ensure!(said.stdout == "out\n", "{said}");
    ensure!(said.stderr == "err\ncommand terminated with exit code 7\n" && said.code == Some(7), "{said}");
    client.run(&["exec", "pod/talker", "-c", "main", "--", "true"]).await?.ok()?;
    let refused = client.run(&["exec", "talker", "-c", "other", "--", "true"]).await?.refused()?;
    ensure!(refused.contains("container other"), "{refused}");
    let refused = client.run(&["exec", "nobody", "--", "true"]).await?.refused()?;
    ensure!(refused.contains("pods \"nobody\" not found"), "{refused}");
    Ok(())
}

async fn much_both_ways(client: &Client<'_>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("much").display().to_string();
    let script = "head -c 50000000 /dev/urandom >FILE; $K exec -i talker -- cat <FILE | cmp - FILE";
    client.script(&script.replace("FILE", &file)).await?;
    Ok(())
}

async fn terminal(client: &Client<'_>) -> Result<()> {
    let path = client.path.display().to_string();
    let program = client.cluster.client_program(Path::new("/usr/bin/setsid"))?;
    let program = program.args(["--ctty", "--wait", &path, "exec", "-it", "talker", "--", "sh"]);
    let mut terminal = Terminal::start(program)?;
    terminal.until("#").await?;
    terminal.resize(132, 43)?;
    // The size comes beside what is typed, not after it.
    terminal.type_in("until stty size | grep '43 132'; do sleep 0.1; done; echo s\"\"een\n").await?;
    terminal.until("seen").await?;
    terminal.type_in("exit 5\n").await?;
    ensure!(terminal.code().await? == Some(5), "the shell's exit code");
    Ok(())
}

async fn attached(client: &Client<'_>) -> Result<()> {
    // It stays attached as long as its input is open; what it shows ends it.
    let script = "mkfifo FOLDER/in; $K attach -i reader <FOLDER/in >FOLDER/out 2>FOLDER/err & attached=$!; \
        exec 3>FOLDER/in; until grep -q 'read spoken' FOLDER/out; do echo spoken >&3; sleep 0.1; done; kill $attached";
    let folder = tempfile::tempdir()?;
    client.script(&script.replace("FOLDER", &folder.path().display().to_string())).await?;
    Ok(())
}

/// Starts forwarding and gives the local ports of the remote ones.
async fn forward(client: &Client<'_>, target: &str, ports: &[&str]) -> Result<(Streaming, Vec<u16>)> {
    let locals: Vec<String> = ports.iter().map(|port| format!(":{port}")).collect();
    let mut args = vec!["port-forward", "--address=127.0.0.1", target];
    args.extend(locals.iter().map(String::as_str));
    let mut forwarding = client.program(&args)?.stream()?;
    let mut found = Vec::new();
    for _ in ports {
        let line = forwarding.line(PATIENCE, |line| line.starts_with("Forwarding from 127.0.0.1:")).await?;
        let port = line.split(['>', ' ']).find_map(|word| word.strip_prefix("127.0.0.1:")).context("a port")?;
        found.push(port.parse()?);
    }
    Ok((forwarding, found))
}

async fn forwarded(client: &Client<'_>) -> Result<()> {
    let (forwarding, ports) = forward(client, "pod/talker", &["8080", "7007", "9"]).await?;
    page(ports[0]).await?;
    let sent: Vec<u8> = (0..8_000_000u32).map(|number| (number % 251) as u8).collect();
    let mut echoes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (sent, port) = (sent.clone(), ports[1]);
        echoes.spawn(async move {
            let (mut reader, mut writer) = TcpStream::connect(("127.0.0.1", port)).await?.into_split();
            let expected = sent.clone();
            let writing = tokio::spawn(async move {
                writer.write_all(&sent).await?;
                writer.shutdown().await
            });
            let mut back = Vec::new();
            reader.read_to_end(&mut back).await?;
            writing.await??;
            ensure!(back == expected, "{} bytes came back", back.len());
            Ok(())
        });
    }
    while let Some(echo) = echoes.join_next().await {
        echo??;
    }
    // Nobody listens there, and whoever asks is not left waiting.
    let mut stream = TcpStream::connect(("127.0.0.1", ports[2])).await?;
    let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await.context("it goes on")?;
    ensure!(!matches!(ended, Ok(1..)), "{ended:?}");
    forwarding.stop().await?;

    let (forwarding, ports) = forward(client, "service/talker", &["80"]).await?;
    page(ports[0]).await?;
    forwarding.stop().await
}

async fn page(port: u16) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /busybox HTTP/1.0\r\n\r\n").await?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page).await?;
    let head = page.windows(4).position(|window| window == b"\r\n\r\n").context("a head")? + 4;
    ensure!(
        page.starts_with(b"HTTP/1.") && page[8..].starts_with(b" 200 "),
        "{}",
        String::from_utf8_lossy(&page[..head])
    );
    ensure!(page[head..] == std::fs::read("/bin/busybox")?[..], "the whole file, {} bytes", page.len() - head);
    Ok(())
}

async fn copied(client: &Client<'_>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let script = "cd FOLDER; mkdir -p from/deep; head -c 3000000 /dev/urandom >from/deep/large; echo small >from/small; \
        $K exec talker -- rm -rf /tmp/to /tmp/one; $K cp from talker:/tmp/to; $K cp talker:/tmp/to back; diff -r from back; \
        $K cp from/small talker:/tmp/one -c main; $K cp talker:/tmp/one one; cmp from/small one; \
        $K cp from/small talker:/tmp; test \"$($K exec talker -- cat /tmp/small)\" = small";
    client.script(&script.replace("FOLDER", &folder.path().display().to_string())).await?;
    Ok(())
}

/// A client that is killed leaves nothing behind: no command, no connection.
async fn cut(client: &Client<'_>) -> Result<()> {
    let runs = async |what: &str| {
        let looking = format!("ps -o args | grep -q '^{what}'");
        Ok::<_, anyhow::Error>(client.run(&["exec", "talker", "--", "sh", "-c", &looking]).await?.success)
    };
    let path = client.path.display().to_string();
    for (script, process) in [
        // One that waits for input, one that does not, one on a terminal.
        ("$K exec -i talker -- cat - 7301", "cat - 7301"),
        ("$K exec talker -- sleep 7302", "sleep 7302"),
        ("setsid --ctty --wait $K exec -it talker -- sleep 7303", "sleep 7303"),
    ] {
        let program = match script.strip_prefix("setsid") {
            Some(_) => client.cluster.client_program(Path::new("/usr/bin/setsid"))?,
            None => client.cluster.client_program(&client.path)?,
        };
        let words: Vec<&str> = script.split(' ').skip(1).map(|word| if word == "$K" { &path } else { word }).collect();
        let on_terminal = script.starts_with("setsid");
        let mut open = None;
        let mut command = None;
        if on_terminal {
            open = Some(Terminal::start(program.args(words))?);
        } else {
            command = Some(program.args(words).converse()?);
        }
        eventually("it runs", || async {
            ensure!(runs(process).await?, "{process} does not run");
            Ok(())
        })
        .await?;
        drop((open, command));
        eventually("it is gone", || async {
            ensure!(!runs(process).await?, "{process} still runs");
            Ok(())
        })
        .await?;
    }

    let (forwarding, ports) = forward(client, "pod/talker", &["7007"]).await?;
    let mut stream = TcpStream::connect(("127.0.0.1", ports[0])).await?;
    stream.write_all(b"x").await?;
    ensure!(stream.read(&mut [0]).await? == 1, "an echo");
    forwarding.stop().await?;
    eventually("the pod's connection is closed", || async {
        let open = client.run(&["exec", "talker", "--", "netstat", "-tn"]).await?.ok()?;
        ensure!(!open.contains(":7007") || !open.contains("ESTABLISHED"), "{open}");
        Ok(())
    })
    .await
}

async fn refusals(cluster: &Cluster) -> Result<()> {
    cluster.apply(&PODS.replace("IMAGE", cluster.image())).await?;
    cluster.kctl(["wait", "--for=condition=Ready", "pod/talker", "--timeout=120s"]).await?.ok()?;
    for path in [binary("kctl")?, "kubectl".into()] {
        let client = Client { cluster, path };
        for args in [&["exec", "talker", "--", "true"][..], &["attach", "talker"]] {
            let refused = client.run(args).await?.refused()?;
            ensure!(refused.contains("its node is hollow and runs nothing"), "{refused}");
        }
    }
    Ok(())
}
