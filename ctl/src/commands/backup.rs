//! `kctl backup`: everything that a running cluster holds, in one file.

use crate::backup::partial::Target;
use crate::backup::{describe, progress, unreadable};
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use futures::StreamExt;
use indicatif::ProgressBar;
use std::pin::pin;
use timonier_store::dump::{DumpReader, Verified};

/// Write everything that a running cluster holds, at one revision, into a file
///
/// The file holds Secrets as they are: keep it as you keep those. It has its name only when it is whole and verified.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl backup monday.backup
  kctl backup - | ssh other-host 'cat > monday.backup'
  kctl restore monday.backup --state-dir ./new     # the way back")]
pub struct Args {
    /// The file, or - for standard output
    #[arg(value_name = "FILE")]
    file: String,
}

/// As a shell reports a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let bar = progress::objects("backup", 0);
    let mut target = Target::open(&args.file)?;
    let verified = tokio::select! {
        received = receive(&session, &args.file, &mut target, &bar) => received?,
        _ = tokio::signal::ctrl_c() => return Err(Error::Exit(INTERRUPTED)),
    };
    target.finish()?;
    bar.finish_and_clear();
    output::note(format!("{}: {}", args.file, describe(&verified)));
    Ok(())
}

async fn receive(session: &Session, file: &str, target: &mut Target, bar: &ProgressBar) -> Result<Verified, Error> {
    let answer = session.stream(Call::get(timonier_apiserver::BACKUP_PATH).accept("*/*")).await;
    let answer = answer.map_err(|error| match error.is_not_found() {
        true => error.context("only Timonier's API server makes backups"),
        false => error,
    })?;
    let mut pieces = pin!(answer);
    let mut reader = DumpReader::default();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        reader.push(&piece, |_| ()).map_err(|error| unreadable(file, error))?;
        target.write(&piece)?;
        if let Some(head) = reader.head() {
            bar.set_length(head.entries);
            bar.set_position(reader.seen());
        }
    }
    reader.finish().map_err(|error| unreadable(file, error))
}
