//! `kctl restore`: a store out of a backup.

use crate::backup::place::Which;
use crate::backup::{BUMP, describe, not_loaded, progress, unreadable};
use crate::error::Error;
use crate::output;
use std::fs::File;
use std::io::{self, Read};
use timonier_store::dump::{self, Verified};
use timonier_store::{Load, Options, Snapshot};

/// Make a store hold what a backup holds
///
/// No server may run on that store. The backup is read and verified as a whole before anything is written. Revisions then
/// go on far above all that were ever handed out, so that every client which remembers one lists again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl restore monday.backup --state-dir ./new && kctl up --state-dir ./new
  kctl down && kctl restore monday.backup --force && kctl up --detach
  kctl restore monday.backup --store etcd://10.0.0.5:2379/prod")]
pub struct Args {
    /// The backup, or - for standard input
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    which: Which,
    /// Replace what the store holds
    #[arg(long)]
    force: bool,
    /// How far revisions go on above those of the backup and of the store that is replaced
    #[arg(long, value_name = "N", default_value_t = BUMP, value_parser = clap::value_parser!(u64).range(1..=1 << 50))]
    bump_revision: u64,
}

pub async fn run(args: Args) -> Result<(), Error> {
    let place = args.which.place()?;
    let (verified, content) = read(&args.file)?;
    let how = Load { raise: args.bump_revision, replace: args.force };
    let bar = progress::objects("restore", verified.head.entries);
    let loaded = timonier_store::load(&place.url, options(), &content, how, &|done| bar.set_position(done)).await;
    bar.finish_and_clear();
    let revision = loaded.map_err(not_loaded)?;
    output::line(format!("{}: {}", args.file, describe(&verified)))?;
    output::line(format!("restored into {}, which goes on after revision {revision}", place.url))
}

/// Large stores take etcd a while.
pub fn options() -> Options {
    Options { etcd_timeout: std::time::Duration::from_secs(60), ..Options::default() }
}

fn read(file: &str) -> Result<(Verified, Snapshot), Error> {
    let input: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?),
    };
    let bar = progress::objects("read", 0);
    let content = dump::read(input, |reader| {
        if let Some(head) = reader.head() {
            bar.set_length(head.entries);
            bar.set_position(reader.seen());
        }
    });
    bar.finish_and_clear();
    content.map_err(|error| unreadable(file, error))
}
