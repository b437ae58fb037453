//! Requests to pods and services by way of the API server, by kubectl and by what speaks through `kubectl proxy`.

use anyhow::{Context, Result, ensure};
use timonier_tests::cluster::{Cluster, Store, Wish};
use timonier_tests::command::Program;
use timonier_tests::scenario;
use timonier_tests::wait::{PATIENCE, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pod_serves_is_served_by_the_api_server() {
    let wish = Wish { store: Store::Embedded, nodes: 2, hollow: false };
    scenario::on(wish, async |cluster| proxied(cluster).await).await;
}

/// The page's server listens at the pod's address and on localhost; what tells of a request is a server of its own; the third
/// is for processes of the pod alone.
const PODS: &str = r#"apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: IMAGE
      imagePullPolicy: Never
      command: [sh, -c, 'mkdir -p /www/deep; cp /config/index.html /www; echo found >/www/deep/file;
        httpd -p 127.0.0.1:8081 -h /www; nc -ll -p 7007 -e sh /config/mirror & exec httpd -f -p 8080 -h /www']
      ports: [{name: http, containerPort: 8080}]
      readinessProbe: {httpGet: {port: 8080, path: /}, periodSeconds: 1}
      volumeMounts: [{name: config, mountPath: /config}]
  volumes: [{name: config, configMap: {name: config}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data:
  index.html: '<a href="/deep/file">there</a>'
  mirror: |
    read -r first
    while read -r line; do
      line=${line%?}
      [ -z "$line" ] && break
      case "$line" in
        [Uu]pgrade:*) upgrade=yes;;
        [Cc]ontent-[Ll]ength:*) length=${line#*: };;
      esac
      lines="$lines$line
    "
    done
    if [ -n "$upgrade" ]; then
      printf 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'
      exec cat
    fi
    body=$(head -c "${length:-0}")
    printf 'HTTP/1.1 302 Found\r\nLocation: /next\r\nConnection: close\r\n\r\n%s\n%s[%s]' "$first" "$lines" "$body"
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: page, port: 80, targetPort: http}]
"#;

const BASE: &str = "/api/v1/namespaces/default";

async fn proxied(cluster: &Cluster) -> Result<()> {
    cluster.apply(&PODS.replace("IMAGE", cluster.image())).await?;
    cluster.kctl(["wait", "--for=condition=Ready", "pod/web", "--timeout=120s"]).await?.ok()?;
    let kubectl =
        async |args: &[&str]| -> Result<_> { cluster.client_program("kubectl".as_ref())?.args(args).run().await };

    for target in ["pods/web", "pods/web:8080", "pods/http:web:8080", "services/web:page", "services/web:80"] {
        let root = format!("{BASE}/{target}/proxy");
        let page =
            eventually("the page is served", || async { kubectl(&["get", "--raw", &format!("{root}/")]).await?.ok() })
                .await?;
        ensure!(page.trim() == format!("<a href=\"{root}/deep/file\">there</a>"), "{target}: {page}");
        let file = kubectl(&["get", "--raw", &format!("{root}/deep/file")]).await?.ok()?;
        ensure!(file == "found\n", "{target}: {file}");
    }
    let missing = kubectl(&["get", "--raw", &format!("{BASE}/pods/web/proxy/none")]).await?.refused()?;
    ensure!(missing.contains("NotFound") || missing.contains("could not find"), "{missing}");
    for (port, why) in [("9", "Connection refused"), ("8081", "Connection refused")] {
        let refused = kubectl(&["get", "--raw", &format!("{BASE}/pods/web:{port}/proxy/")]).await?.refused()?;
        ensure!(refused.contains("error trying to reach service") && refused.contains(why), "{port}: {refused}");
    }
    let refused = kubectl(&["get", "--raw", &format!("{BASE}/pods/https:web:8080/proxy/")]).await?.refused()?;
    ensure!(refused.contains("error trying to reach service"), "{refused}");
    let info = kubectl(&["cluster-info"]).await?.ok()?;
    ensure!(info.contains("is running at"), "{info}");

    let proxy: Program = cluster.client_program("kubectl".as_ref())?.args(["proxy", "--port=0"]);
    let mut proxy = proxy.stream()?;
    let line = proxy.line(PATIENCE, |line| line.contains("127.0.0.1:")).await?;
    let address = line.rsplit(' ').next().context("an address")?.trim().to_string();
    mirrored(&address).await?;
    upgraded(&address).await?;
    proxy.stop().await
}

/// Every method arrives, with its query, body and headers, and without who the client is to the API server.
async fn mirrored(address: &str) -> Result<()> {
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let body = if method == "GET" { "" } else { "from the client" };
        let request = format!(
            "{method} {BASE}/pods/web:7007/proxy/a%20b?watch=1&dryRun=x HTTP/1.1\r\nHost: {address}\r\nX-Own: kept\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = talk(address, &request).await?;
        let asked = format!("{method} /a%20b?watch=1&dryRun=x HTTP/1.1");
        for wanted in ["HTTP/1.1 302 Found", &asked, "kept", &format!("[{body}]")] {
            ensure!(answer.contains(wanted), "{method}: no {wanted:?} in {answer}");
        }
        let lower = answer.to_lowercase();
        ensure!(lower.contains(&format!("location: {BASE}/pods/web:7007/proxy/next")), "{answer}");
        ensure!(lower.contains(&format!("x-forwarded-uri: {BASE}/pods/web:7007/proxy/a%20b")), "{answer}");
        ensure!(!lower.contains("authorization"), "{answer}");
    }
    Ok(())
}

/// A connection that becomes another protocol's is handed through.
async fn upgraded(address: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {BASE}/pods/web:7007/proxy/ HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut seen = Vec::new();
    let talking = async {
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(stream.read_u8().await?);
        }
        ensure!(seen.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&seen));
        for word in ["hello", "again"] {
            stream.write_all(word.as_bytes()).await?;
            let mut back = [0; 5];
            stream.read_exact(&mut back).await?;
            ensure!(back == word.as_bytes(), "{back:?}");
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, talking).await.context("no answer in time")?
}

async fn talk(address: &str, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![];
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.context("no answer in time")??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
