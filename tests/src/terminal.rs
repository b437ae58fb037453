//! A program on a terminal of its own, with somebody who types and reads.

use std::fs::File;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use crate::command::Program;
use crate::wait::PATIENCE;

pub struct Terminal {
    child: Child,
    master: tokio::fs::File,
    control: OwnedFd,
    seen: String,
}

impl Terminal {
    /// The program must be `setsid --ctty --wait …`: only a session's leader gets a terminal to control it.
    pub fn start(program: Program) -> Result<Terminal> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?.into_string()?;
        let slave = || File::options().read(true).write(true).open(&name).context("the terminal");
        let mut command = program.into_command();
        command.stdin(slave()?).stdout(slave()?).stderr(slave()?);
        let control = master.try_clone()?;
        let child = command.spawn().context("cannot start it")?;
        Ok(Terminal { child, master: File::from(master).into(), control, seen: String::new() })
    }

    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.control, size).context("the terminal's size")
    }

    pub async fn type_in(&mut self, text: &str) -> Result<()> {
        self.master.write_all(text.as_bytes()).await?;
        self.master.flush().await.context("typed")
    }

    /// Reads on until this appears.
    pub async fn until(&mut self, wanted: &str) -> Result<()> {
        let reading = async {
            let mut buffer = [0; 4096];
            while !self.seen.contains(wanted) {
                match self.master.read(&mut buffer).await {
                    Ok(0) | Err(_) => bail!("it ended"),
                    Ok(size) => self.seen.push_str(&String::from_utf8_lossy(&buffer[..size])),
                }
            }
            Ok(())
        };
        let read = tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| bail!("nothing more came"));
        read.with_context(|| format!("waiting for {wanted:?}, the terminal shows {:?}", self.seen))?;
        self.seen.clear();
        Ok(())
    }

    /// Waits for its end and gives its exit code.
    pub async fn code(mut self) -> Result<Option<i32>> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it goes on")??;
        Ok(status.code())
    }
}
