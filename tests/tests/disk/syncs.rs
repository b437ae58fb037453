//! The system call itself fails: strace makes it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use timonier_tests::cluster::Store;
use timonier_tests::follower::Follower;
use timonier_tests::processes::Ground;
use timonier_tests::registers::{Age, Outcome, Registers};

/// A process's syncs fail until this value is dropped.
struct FailingSyncs(Child);

impl FailingSyncs {
    fn of(pid: u32) -> Result<FailingSyncs> {
        let mut strace = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO", "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start strace: apt-get install strace")?;
        let said = strace.stderr.take().context("its standard error")?;
        let syncs = FailingSyncs(strace);
        // It tells what it does from when it has begun.
        std::thread::spawn(move || {
            let lines = BufReader::new(said).lines().map_while(|line| line.ok());
            lines.for_each(|line| eprintln!("{line}"));
        });
        syncs.wait_for(pid)?;
        Ok(syncs)
    }

    /// Until every thread of the process is traced.
    fn wait_for(&self, pid: u32) -> Result<()> {
        let deadline = std::time::Instant::now() + timonier_tests::wait::PATIENCE;
        loop {
            let mut traced = true;
            for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
                let status = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
                traced &= !status.contains("TracerPid:\t0\n");
            }
            if traced {
                return Ok(());
            }
            ensure!(std::time::Instant::now() < deadline, "strace can't trace process {pid}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for FailingSyncs {
    fn drop(&mut self) {
        // Asked to end, it lets go of the process; killed, it would leave it stopped.
        let _sent = Command::new("kill").arg(self.0.id().to_string()).status();
        let _reaped = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_sync_failed_has_an_unknown_outcome_and_needs_no_restart() -> Result<()> {
    let mut ground = Ground::new(Store::Embedded).await?;
    let mut server = ground.api_server("server").await?;
    let registers = Registers::new(server.client().await?, Duration::from_secs(20));
    let (start, _) = registers.list(None).await.done().context("a list")?;
    let watcher = Follower::start(vec![server.client().await?], start);
    let before = registers.create("before", "1").await.done().context("a write")?;

    let failing = FailingSyncs::of(server.process.pid().context("its id")?)?;
    let first = registers.create("doubtful", "1").await;
    let Outcome::Unknown(reason) = &first else { anyhow::bail!("{first:?}") };
    ensure!(reason.starts_with("504 Timeout") && reason.contains("outcome is unknown"), "{reason}");
    ensure!(reason.contains("syncing") && reason.contains("Input/output error"), "{reason}");
    // The end of the log is not certain now: this one was not even tried.
    let second = registers.create("refused", "1").await;
    ensure!(matches!(&second, Outcome::Refused(refusal) if refusal.code == 503), "{second:?}");
    let (_, state) = registers.list(None).await.done().context("a list meanwhile")?;
    ensure!(state.keys().eq(["before"]) && state["before"] == before, "{state:?}");
    drop(failing);

    let after = registers.create("after", "1").await.done().context("a write on a disk that works again")?;
    let seen = watcher.through(after.revision).await?;
    ensure!(seen.iter().map(|change| &*change.name).eq(["before", "after"]), "{seen:?}");
    server.process.kill();
    server.process.again()?;
    server.ready().await?;
    let (_, state) = registers.list(None).await.done().context("a list after a restart")?;
    ensure!(state.keys().eq(["after", "before"]), "{state:?}");
    ensure!(registers.read("doubtful", Age::Newest).await == Outcome::Done(None), "what was cut off came back");
    Ok(())
}
