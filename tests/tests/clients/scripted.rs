//! A long conversation with kubectl, as `script.txt` has it, on simulated nodes.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use timonier_tests::command::Said;
use timonier_tests::wait::eventually;

use crate::Kubectl;
use crate::kubectl::Age;

const SCRIPT: &str = include_str!("script.txt");
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/files");

/// A command and what is said of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Turn<'a> {
    line: usize,
    command: &'a str,
    fails: bool,
    new: bool,
    again: bool,
    /// Lines that are all of the output; none: whatever is said.
    whole: Vec<&'a str>,
    parts: Vec<&'a str>,
}

/// Everything in the script that this kubectl knows. Returns how many commands those were.
pub async fn all(kubectl: &Kubectl<'_>, age: Age, node: &str) -> Result<usize> {
    let mut count = 0;
    for turn in turns(SCRIPT).iter().filter(|turn| age == Age::New || !turn.new) {
        let said = async || turn.heard(&run(kubectl, turn.command, node).await?, node);
        let heard = if turn.again { eventually(turn.command, said).await } else { said().await };
        heard.with_context(|| format!("line {}: kubectl {}", turn.line, turn.command))?;
        count += 1;
    }
    Ok(count)
}

/// Through a shell, for what is quoted.
async fn run(kubectl: &Kubectl<'_>, command: &str, node: &str) -> Result<Said> {
    let (path, namespace) = (kubectl.path.display(), kubectl.namespace);
    let script = format!("cd {FILES}; NODE={node}; exec {path} -n {namespace} {command}");
    kubectl.cluster.client_program(Path::new("/bin/sh"))?.args(["-c", &script]).run().await
}

fn turns(script: &str) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn> = vec![];
    for (at, line) in script.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with("# ")) {
        let command = line.split_once("$ ").filter(|(mark, _)| matches!(*mark, "" | "!" | "new" | "new!" | "until"));
        match (command, turns.last_mut()) {
            (Some((mark, command)), _) => turns.push(Turn {
                line: at + 1,
                command,
                fails: mark.ends_with('!'),
                new: mark.starts_with("new"),
                again: mark == "until",
                ..Turn::default()
            }),
            (None, Some(turn)) => match line.strip_prefix("~ ") {
                Some(part) => turn.parts.push(part),
                None => turn.whole.push(line),
            },
            (None, None) => {}
        }
    }
    turns
}

impl Turn<'_> {
    fn heard(&self, said: &Said, node: &str) -> Result<()> {
        ensure!(said.success != self.fails, "{said}");
        let all = format!("{}{}", said.stdout, said.stderr);
        if !self.whole.is_empty() {
            ensure!(said.stdout.trim_end().lines().eq(self.whole.iter().copied()), "{said}");
        }
        for part in &self.parts {
            let part = part.replace("$NODE", node);
            ensure!(all.contains(&part), "want {part:?}: {said}");
        }
        Ok(())
    }
}
