//! The hosts of a test's own are hosts: apart from each other, breakable, and gone without a trace.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use timonier_tests::hosts::{Host, Lan, Options};
use timonier_tests::image::Image;
use timonier_tests::pages::page;
use timonier_tests::wait::eventually;

async fn serve(host: &Host, image: &Image) -> Result<()> {
    host.load(image.name()).await?;
    host.docker().args(["run", "-d", "--name", "web", "-p", "8080:8080", image.name()]).run().await?.ok()?;
    Ok(())
}

async fn answers(host: &Host) -> Result<()> {
    let address = format!("{}:8080", host.address());
    eventually("the host's container serves", || page(&address)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_breaks_in_every_way_and_comes_back() -> Result<()> {
    let image = Image::make()?;
    let lan = Lan::new()?;
    let (one, other) = (lan.host(Options::default()).await?, lan.host(Options::default()).await?);
    // The same published port: these are two machines.
    serve(&one, &image).await?;
    serve(&other, &image).await?;
    answers(&one).await?;
    answers(&other).await?;

    let connects = |host: &Host, to: &Host| {
        let url = format!("http://{}:8080/", to.address());
        host.command("curl").args(["--silent", "--fail", "--max-time", "1", "--output", "/dev/null", &url]).status()
    };
    ensure!(connects(&one, &other)?.success(), "hosts reach each other");
    one.cut()?;
    ensure!(!connects(&one, &other)?.success(), "a host that is cut off reaches nobody");
    answers(&other).await?;
    one.mend()?;
    answers(&one).await?;

    one.freeze_daemon()?;
    answers(&one).await?;
    one.thaw_daemon()?;
    one.kill_daemon();
    ensure!(one.docker().args(["version"]).run().await?.refused()?.contains("Docker daemon"), "nobody answers");
    one.start_daemon().await?;
    other.lose_power();
    ensure!(!connects(&one, &other)?.success(), "containers go with their host");
    other.boot().await?;
    other.docker().args(["start", "web"]).run().await?.ok()?;
    answers(&other).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_hosts() -> Result<()> {
    let image = Image::make()?;
    let lan = Lan::new()?;
    let host = lan.host(Options { disk: Some(64 << 20), ..Options::default() }).await?;
    serve(&host, &image).await?;
    let (name, dir) = (host.name().to_owned(), host.dir().to_owned());
    let traces = || {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut traces = vec![PathBuf::from("/var/run/netns").join(&name), dir.clone()];
        traces.extend(["", "pids"].map(|controller| PathBuf::from("/sys/fs/cgroup").join(controller).join(&name)));
        traces.retain(|path| path.exists());
        traces.extend(mounts.contains(&name).then(|| PathBuf::from("a mount")));
        traces
    };
    ensure!(traces().len() >= 4, "the places to look at are right: {:?}", traces());
    drop(host);
    ensure!(traces().is_empty(), "{:?}", traces());
    let switch = name.split('h').next().unwrap_or_default().to_owned();
    drop(lan);
    ensure!(!PathBuf::from("/sys/class/net").join(&switch).exists(), "this machine is unplugged");
    Ok(())
}
