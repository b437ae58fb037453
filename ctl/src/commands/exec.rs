//! `kctl exec` and `kctl attach`: a container's process on this terminal.

use crate::cluster::Session;
use crate::cluster::objects::Item;
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use crate::remote::session::{self, Streams};
use crate::remote::target;
use crate::remote::terminal::Raw;
use std::io::IsTerminal;

/// Run a command in a container.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl exec web-1 -- date
  kctl exec -it deployment/web -c sidecar -- sh
  tar c . | kctl exec -i web-1 -- tar x -C /tmp")]
pub struct Args {
    /// A pod, or TYPE/NAME of something that has pods
    #[arg(value_name = "POD | TYPE/NAME")]
    target: Option<String>,
    /// What would have been a command in old versions
    #[arg(hide = true)]
    words: Vec<String>,
    #[command(flatten)]
    streams: StreamFlags,
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Attach to a process that already runs in a container.
#[derive(clap::Args, Debug)]
pub struct AttachArgs {
    /// A pod, or TYPE/NAME of something that has pods
    #[arg(value_name = "POD | TYPE/NAME")]
    target: String,
    #[command(flatten)]
    streams: StreamFlags,
}

#[derive(clap::Args, Debug)]
pub struct StreamFlags {
    /// The container
    #[arg(long, short, value_name = "NAME")]
    pub container: Option<String>,
    /// Pass standard input on
    #[arg(long, short = 'i')]
    pub stdin: bool,
    /// Standard input is a terminal
    #[arg(long, short)]
    pub tty: bool,
    /// Only what the process writes
    #[arg(long, short)]
    pub quiet: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let target = args.target.ok_or_else(|| {
        Error::usage("pod, type/name or --filename must be specified\nSee 'kctl exec -h' for help and examples")
    })?;
    if !args.words.is_empty() {
        return Err(Error::usage(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kctl exec -h' for help and examples",
        ));
    }
    if args.command.is_empty() {
        return Err(Error::usage("you must specify at least one command for the container"));
    }
    let session = connect(global).await?;
    let pod = target::pod_of(&session, target::object(&session, &target).await?).await?;
    target::not_completed(&pod.object, "exec into")?;
    let flags = &args.streams;
    let container = target::container(&pod.object, flags.container.as_deref(), flags.quiet)?;
    let tty = terminal(flags.tty, flags.stdin);
    let call = session::exec(&pod.path(), &container, &args.command);
    on_this_terminal(&session, call, flags.stdin, tty).await
}

pub async fn run_attach(args: AttachArgs, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let pod = target::pod_of(&session, target::object(&session, &args.target).await?).await?;
    target::not_completed(&pod.object, "attach to")?;
    let flags = &args.streams;
    let container = target::container(&pod.object, flags.container.as_deref(), flags.quiet)?;
    attach(&session, &pod, &container, flags).await
}

/// Joins a running container, as its own spec says whether there is a terminal.
pub async fn attach(session: &Session, pod: &Item, container: &str, flags: &StreamFlags) -> Result<(), Error> {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let all = lists.iter().filter_map(|list| pod.object["spec"][list].as_array()).flatten();
    let spec = all.into_iter().find(|spec| spec["name"] == container);
    let has_terminal = spec.is_some_and(|spec| spec["tty"] == true);
    if flags.tty && !has_terminal && !flags.quiet {
        output::note(format!("error: Unable to use a TTY - container {container} did not allocate one"));
    }
    let tty = terminal(flags.tty && has_terminal, flags.stdin);
    if !flags.quiet && flags.stdin {
        output::note("If you don't see a command prompt, try pressing enter.");
    }
    on_this_terminal(session, session::attach(&pod.path(), container), flags.stdin, tty).await
}

/// A terminal can be had only where our input is one.
fn terminal(wanted: bool, stdin: bool) -> bool {
    let there = std::io::stdin().is_terminal();
    if wanted && stdin && !there {
        output::note("Unable to use a TTY - input is not a terminal or the right kind of file");
    }
    wanted && (there || !stdin)
}

async fn on_this_terminal(session: &Session, call: crate::cluster::Call, stdin: bool, tty: bool) -> Result<(), Error> {
    let raw = if tty && stdin { Raw::enter()? } else { None };
    let streams = Streams {
        stdin: stdin.then(|| Box::pin(tokio::io::stdin()) as _),
        stdout: Some(Box::pin(tokio::io::stdout())),
        stderr: (!tty).then(|| Box::pin(tokio::io::stderr()) as _),
        tty,
    };
    let ended = session::run(session, call, streams).await;
    drop(raw);
    ended?.into_result()
}
