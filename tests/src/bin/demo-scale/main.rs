//! What `make demo-scale` shows: four commands of kctl, and how 2,000 pods come to be on simulated nodes meanwhile.
//!
//! The cluster runs already, each part as a process of its own; `tools/demo-scale` starts it. The commands are real, and
//! so is what is seen: this program does nothing but watch.

mod display;
mod progress;
mod view;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use display::Display;
use progress::{Progress, STAGES};
use timonier_client::watch::{Scope, Step, Watcher};
use timonier_client::{ConnectOptions, Object};
use timonier_tests::binaries::{binary, project};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;
use view::{Deployment, Node, Pod};

/// Pods of each of the two Deployments in the end.
const REPLICAS: usize = 1000;
const DEPLOYMENTS: [&str; 2] = ["marathon", "spark"];
/// Nothing of this takes so long unless something is broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process whose memory is shown.
struct Part {
    name: String,
    pid: u32,
    /// It only pretends to be the machines.
    simulates: bool,
}

struct Arguments {
    kubeconfig: PathBuf,
    nodes: usize,
    parts: Vec<Part>,
}

impl Arguments {
    /// `KUBECONFIG NODES NAME=PID…`; a name that begins with `hollow` simulates.
    fn parse() -> Result<Arguments> {
        let mut arguments = std::env::args().skip(1);
        let usage = "usage: demo-scale KUBECONFIG NODES NAME=PID…, as tools/demo-scale calls it";
        let kubeconfig = arguments.next().context(usage)?.into();
        let nodes = arguments.next().context(usage)?.parse().context(usage)?;
        let part = |argument: String| {
            let (name, pid) = argument.split_once('=').context(usage)?;
            Ok(Part { name: name.into(), pid: pid.parse().context(usage)?, simulates: name.starts_with("hollow") })
        };
        Ok(Arguments { kubeconfig, nodes, parts: arguments.map(part).collect::<Result<_>>()? })
    }
}

enum News {
    Node(Step<Node>),
    Pod(Step<Pod>),
    Deployment(Step<Deployment>),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse()?;
    let options = ConnectOptions { kubeconfig: Some(arguments.kubeconfig.clone()), ..ConnectOptions::default() };
    let client = timonier_client::connect(ConnectOptions { multiplexed: true, ..options }).await?;
    let (tell, mut news) = mpsc::unbounded_channel();
    follow(&client, Scope::default(), News::Node, &tell);
    let here = Scope { namespace: Some("default".into()), ..Scope::default() };
    follow(&client, here.clone(), News::Pod, &tell);
    follow(&client, here, News::Deployment, &tell);

    let total = REPLICAS * DEPLOYMENTS.len();
    let mut progress = Progress::new(total);
    let waited = timeout(PATIENCE, async {
        let display = Display::of_nodes(arguments.nodes);
        while !progress.seen_all() || progress.ready_nodes() < arguments.nodes {
            progress.take(news.recv().await.context("the watches ended")?, Duration::ZERO);
            display.nodes(progress.ready_nodes());
        }
        anyhow::Ok(())
    });
    waited.await.context("the nodes are not ready")??;
    ensure!(progress.count(0) == 0, "there are pods already; `make stop`, then start again");
    println!("{} nodes are ready. Four commands:\n", progress.ready_nodes());

    let display = Display::of_pods(total);
    let before = arguments.parts.iter().map(|part| processor(part.pid)).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let mut commands = tokio::spawn(run_commands(arguments.kubeconfig.clone(), display.clone()));
    let mut commanded = false;
    let finished = timeout(PATIENCE, async {
        let mut batch = Vec::new();
        while progress.finished().is_none() || !commanded {
            tokio::select! {
                ended = &mut commands, if !commanded => {
                    ended??;
                    commanded = true;
                }
                _ = news.recv_many(&mut batch, 256) => {
                    let now = start.elapsed();
                    batch.drain(..).for_each(|item| progress.take(item, now));
                    display.pods(&progress);
                }
            }
        }
        anyhow::Ok(())
    });
    let outcome = finished.await;
    let used = arguments.parts.iter().zip(before).map(|(part, before)| {
        Ok(Used { part, megabytes: resident(part.pid)?, processor: processor(part.pid)?.saturating_sub(before) })
    });
    let used = used.collect::<Result<Vec<_>>>()?;
    display.finish();
    outcome.context("not all pods became available")??;
    report(&progress, &used);
    Ok(())
}

fn follow<T: Object>(
    client: &kube::Client,
    scope: Scope,
    wrap: fn(Step<T>) -> News,
    tell: &mpsc::UnboundedSender<News>,
) {
    let (mut watcher, tell) = (Watcher::<T>::new(client.clone(), T::RESOURCE, scope), tell.clone());
    tokio::spawn(async move { while tell.send(wrap(watcher.next().await)).is_ok() {} });
}

async fn run_commands(kubeconfig: PathBuf, display: Display) -> Result<()> {
    let replicas = format!("--replicas={REPLICAS}");
    let file = |name: &str| format!("manifests/{name}.yaml");
    let applies = DEPLOYMENTS.map(|name| vec!["apply".to_owned(), "-f".to_owned(), file(name)]);
    let scales = DEPLOYMENTS.map(|name| vec!["scale".to_owned(), format!("deployment/{name}"), replicas.clone()]);
    for command in applies.into_iter().chain(scales) {
        let begun = Instant::now();
        let said = kctl(&kubeconfig, &command).await?;
        display.say(&format!("$ kctl {}\n{said}  ({} ms)", command.join(" "), begun.elapsed().as_millis()));
    }
    Ok(())
}

async fn kctl(kubeconfig: &Path, arguments: &[String]) -> Result<String> {
    let mut command = Command::new(binary("kctl")?);
    command.current_dir(project()).arg("--kubeconfig").arg(kubeconfig).args(arguments).stdin(Stdio::null());
    let output = command.output().await?;
    if !output.status.success() {
        bail!("kctl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Resident memory of a process in MB.
fn resident(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().next().context("no number")?.parse()?;
    Ok(kilobytes / 1024.0)
}

/// Processor time that a process has used so far.
fn processor(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The program's name, in parentheses, may hold anything; user and system time are the 12th and 13th after it.
    let fields = stat.rsplit_once(") ").context("no stat")?.1;
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>());
    // Linux shows programs a hundred ticks a second, whatever its own clock is.
    Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
}

/// What a process took.
struct Used<'a> {
    part: &'a Part,
    megabytes: f64,
    /// From the first command to the last pod.
    processor: Duration,
}

fn report(progress: &Progress, used: &[Used<'_>]) {
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    println!("\n{:<24}{:>10}{:>10}{:>10}", format!("{} pods", progress.total()), "first", "half", "all");
    for (stage, name) in STAGES.iter().enumerate() {
        let [first, half, all] = progress.times(stage).map(|time| time.map_or_else(|| "–".into(), seconds));
        println!("{name:<24}{first:>10}{half:>10}{all:>10}");
    }
    println!("\n{:<24}{:>10}{:>10}", "process", "memory", "processor");
    for Used { part, megabytes, processor } in used {
        println!("{:<24}{:>10}{:>10}", part.name, format!("{megabytes:.1} MB"), seconds(*processor));
    }
    let all: f64 = used.iter().filter(|used| !used.part.simulates).map(|used| used.megabytes).sum();
    let took = seconds(progress.finished().unwrap_or_default());
    println!(
        "\n{} pods were available {took} after the first command began, with {all:.1} MB for all but the simulated nodes.",
        progress.total()
    );
}
