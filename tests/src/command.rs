//! Running a program and seeing all that it said.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// No command of a test takes longer than this.
const LONGEST: Duration = Duration::from_secs(180);

/// What a program said and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    pub command: String,
    pub success: bool,
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Its standard output, or all that it said as an error.
    pub fn ok(self) -> Result<String> {
        if self.success { Ok(self.stdout) } else { bail!("{self}") }
    }

    /// What it wrote to standard error when it failed as it should.
    pub fn refused(self) -> Result<String> {
        if self.success { bail!("this should have failed: {self}") } else { Ok(self.stderr) }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.success { "succeeded" } else { "failed" };
        write!(f, "`{}` {how}\n--- stdout\n{}--- stderr\n{}", self.command, self.stdout, self.stderr)
    }
}

/// A program with arguments, an environment and input.
#[derive(Debug)]
pub struct Program {
    command: Command,
    input: String,
}

impl Program {
    pub fn new(path: impl AsRef<Path>) -> Program {
        let mut command = Command::new(path.as_ref());
        command.kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Program { command, input: String::new() }
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Program {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Program {
        self.command.env(name, value);
        self
    }

    pub fn input(mut self, input: &str) -> Program {
        self.input = input.into();
        self
    }

    /// The program itself, with nothing decided about its streams.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    fn describe(&self) -> String {
        let command = self.command.as_std();
        let name = Path::new(command.get_program()).file_name().unwrap_or_default();
        let words = std::iter::once(name).chain(command.get_args());
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    /// Runs it to its end.
    pub async fn run(mut self) -> Result<Said> {
        let description = self.describe();
        let mut child = self.command.spawn().with_context(|| format!("cannot start `{description}`"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input may close it.
            let _closed = stdin.write_all(self.input.as_bytes()).await;
        }
        let output = tokio::time::timeout(LONGEST, child.wait_with_output())
            .await
            .with_context(|| format!("`{description}` did not end within {LONGEST:?}"))??;
        Ok(Said {
            command: description,
            success: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Leaves it running, without input; it is killed with the returned value.
    pub fn stream(self) -> Result<Streaming> {
        let mut running = self.converse()?;
        running.stdin = None;
        Ok(running)
    }

    /// Leaves it running, to be talked to.
    pub fn converse(mut self) -> Result<Streaming> {
        use tokio::io::{AsyncBufReadExt, BufReader};
        let description = self.describe();
        let mut child = self.command.spawn().with_context(|| format!("cannot start `{description}`"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdout = stdout.context("its output is piped")?;
        Ok(Streaming { lines: BufReader::new(stdout).lines(), child, stdin, description, seen: Vec::new() })
    }
}

/// A program that goes on and prints lines.
#[derive(Debug)]
pub struct Streaming {
    lines: tokio::io::Lines<tokio::io::BufReader<tokio::process::ChildStdout>>,
    child: tokio::process::Child,
    stdin: Option<tokio::process::ChildStdin>,
    description: String,
    seen: Vec<String>,
}

impl Streaming {
    /// Reads on until a line that `wanted` likes.
    pub async fn line(&mut self, within: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let found = async {
            while let Some(line) = self.lines.next_line().await? {
                self.seen.push(line.clone());
                if wanted(&line) {
                    return Ok(line);
                }
            }
            bail!("it ended")
        };
        let found =
            tokio::time::timeout(within, found).await.unwrap_or_else(|_| bail!("nothing came within {within:?}"));
        found.with_context(|| format!("`{}` printed so far:\n{}", self.description, self.seen.join("\n")))
    }

    /// Writes to its input.
    pub async fn say(&mut self, text: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("it has no input")?;
        stdin.write_all(text.as_bytes()).await?;
        Ok(stdin.flush().await?)
    }

    /// All lines so far.
    pub fn seen(&self) -> &[String] {
        &self.seen
    }

    pub async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("cannot end it")
    }
}
