//! A file system of a few megabytes, full.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use timonier_tests::cluster::Store;
use timonier_tests::follower::Follower;
use timonier_tests::ledger::Ledger;
use timonier_tests::processes::Ground;
use timonier_tests::registers::{Age, Outcome, Refusal, Registers, Version};

/// Unmounted with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(dir: &Path, size: &str) -> Result<SmallDisk> {
        std::fs::create_dir(dir)?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(dir).output()?;
        let said = String::from_utf8_lossy(&mounted.stderr);
        ensure!(mounted.status.success(), "a small file system can't be mounted (that takes root): {said}");
        Ok(SmallDisk(dir.to_owned()))
    }

    /// Takes all space but a little.
    fn fill(&self) -> Result<PathBuf> {
        let path = self.0.join("filler");
        let free = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output()?;
        let free = String::from_utf8(free.stdout)?;
        let free: u64 = free.lines().nth(1).context("what df says")?.trim().parse()?;
        std::fs::write(&path, vec![1; free.saturating_sub(300 << 10) as usize])?;
        Ok(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _shown = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes registers until one is refused.
async fn until_refused(registers: &Registers, written: &mut Vec<(String, Version)>) -> Result<(String, Refusal)> {
    for _ in 0..100 {
        let name = format!("register-{}", written.len());
        match registers.create(&name, &"x".repeat(20_000)).await {
            Outcome::Done(version) => written.push((name, version)),
            Outcome::Refused(refusal) => return Ok((name, refusal)),
            other => anyhow::bail!("{name}: {other:?}"),
        }
    }
    anyhow::bail!("the disk never fills")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_by_name_and_needs_no_restart() -> Result<()> {
    let mut ground = Ground::new(Store::Embedded).await?;
    let disk = SmallDisk::mount(Path::new(&ground.path("disk")), "size=16m")?;
    let store = disk.0.join("store").display().to_string();
    let mut server = ground.api_server_on("server", &store, &[]).await?;
    let pid = server.process.pid();
    let registers = Registers::new(server.client().await?, Duration::from_secs(20));
    let (start, _) = registers.list(None).await.done().context("a list")?;
    let watcher = Follower::start(vec![server.client().await?], start);

    let filler = disk.fill()?;
    let mut written = Vec::new();
    for _ in 0..3 {
        let (name, refusal) = until_refused(&registers, &mut written).await?;
        ensure!(refusal.code == 503 && refusal.reason == "ServiceUnavailable", "{refusal:?}");
        ensure!(refusal.message.contains("No space left on device"), "{refusal:?}");
        // Reading goes on, and what was refused is not there.
        let read = registers.read(&name, Age::Newest).await;
        ensure!(read == Outcome::Done(None), "{read:?}");
        let (_, state) = registers.list(None).await.done().context("a list on a full disk")?;
        ensure!(state.len() == written.len(), "{} registers, {} were written", state.len(), written.len());
        let (_, last) = written.last().context("something was written before the disk was full")?;
        watcher.through(last.revision).await?;
    }
    std::fs::remove_file(filler)?;
    let after = registers.create("after", "there is space").await.done().context("a write with space again")?;
    written.push(("after".to_owned(), after.clone()));
    ensure!(server.process.pid() == pid && server.process.is_running(), "no restart was needed");
    let ledger = Ledger::of(&[watcher.through(after.revision).await?], after.revision)?;
    written.iter().try_for_each(|(name, version)| ledger.check_written(name, version))?;
    ensure!(ledger.len() == written.len(), "{} changes for {} writes", ledger.len(), written.len());

    server.process.kill();
    server.process.again()?;
    server.ready().await?;
    let (_, state) = registers.list(None).await.done().context("a list after a restart")?;
    ensure!(state == written.into_iter().collect::<BTreeMap<_, _>>(), "the state after a restart is another one");
    Ok(())
}
