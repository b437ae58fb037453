//! `kctl logs`: which containers (`which`), then a request for each, copied as it comes.

mod which;

pub use which::{pod_selector, telling};

use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{Global, parse_duration};
use crate::output;
use futures::{StreamExt, TryStreamExt, stream};
use std::time::Duration;

/// Print what containers write.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl logs web-1
  kctl logs -f deployment/web
  kctl logs web-1 -c sidecar --tail=20
  kctl logs -l app=web --prefix --all-containers
  kctl logs web-1 --previous --since=10m")]
pub struct Args {
    /// A pod, or TYPE/NAME of something that has pods
    #[arg(value_name = "POD | TYPE/NAME")]
    target: Option<String>,
    /// The container, as with -c
    #[arg(value_name = "CONTAINER")]
    container_word: Option<String>,
    /// The container
    #[arg(long, short, value_name = "NAME")]
    container: Option<String>,
    /// All containers of the pods
    #[arg(long)]
    all_containers: bool,
    /// All pods of TYPE/NAME, each line with its origin
    #[arg(long)]
    all_pods: bool,
    /// Pods whose labels match
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// Go on as long as the containers write
    #[arg(long, short)]
    follow: bool,
    /// The container that ran before the present one
    #[arg(long, short)]
    previous: bool,
    /// Only what is younger than this, such as 10s or 2h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Only what was written after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since_time: Option<String>,
    /// Only so many of the last lines; -1 is all of them, and 10 with a selector
    #[arg(long, value_name = "LINES", allow_negative_numbers = true)]
    tail: Option<i64>,
    /// Only so many bytes
    #[arg(long, value_name = "BYTES")]
    limit_bytes: Option<u64>,
    /// Put its time before each line
    #[arg(long)]
    timestamps: bool,
    /// Put its pod and container before each line
    #[arg(long)]
    prefix: bool,
    /// Go on when one of several logs cannot be read
    #[arg(long)]
    ignore_errors: bool,
    /// How many logs to follow at once
    #[arg(long, value_name = "N", default_value_t = 5)]
    max_log_requests: usize,
}

/// One container's log.
struct Source {
    path: String,
    container: String,
    /// `[pod/web-1/web] `
    origin: String,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    check(&args)?;
    let session = connect(global).await?;
    let pods = which::pods(&session, &args).await?;
    let mut sources = Vec::new();
    for pod in &pods {
        for container in which::containers(&pod.object, &args)? {
            sources.push(Source {
                path: pod.path() + "/log",
                origin: format!("[pod/{}/{container}] ", pod.name),
                container,
            });
        }
    }
    if args.follow && sources.len() > args.max_log_requests {
        return Err(Error::usage(format!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {}, use --max-log-requests to increase the limit",
            sources.len(),
            args.max_log_requests
        )));
    }
    let copies = sources.into_iter().map(|source| copy(&session, &args, source));
    let at_once = if args.follow { args.max_log_requests } else { 1 };
    let all = stream::iter(copies.map(Ok)).try_for_each_concurrent(at_once, |copy| copy);
    tokio::select! {
        done = all => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn check(args: &Args) -> Result<(), Error> {
    let container = args.container.is_some() || args.container_word.is_some();
    let mistake = match args {
        Args { target: None, selector: None, .. } => {
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kctl logs -h' for help and examples"
        }
        Args { target: Some(_), selector: Some(_), .. } => "only a selector (-l) or a POD name is allowed",
        Args { since: Some(_), since_time: Some(_), .. } => {
            "at most one of `sinceTime` or `sinceSeconds` may be specified"
        }
        Args { all_containers: true, .. } if container => {
            "--all-containers=true should not be specified with container name"
        }
        Args { container: Some(_), container_word: Some(_), .. } => {
            "only one of -c or an inline [CONTAINER] arg is allowed"
        }
        Args { tail: Some(..-1), .. } => "--tail must be greater than or equal to -1",
        _ => return Ok(()),
    };
    Err(Error::usage(mistake))
}

fn call(args: &Args, source: &Source) -> Call {
    let tail = match (args.tail, &args.selector) {
        (Some(tail), _) => (tail >= 0).then_some(tail),
        (None, Some(_)) => Some(10),
        (None, None) => None,
    };
    let flag = |set: bool| set.then_some("true");
    Call::get(&source.path)
        .accept("*/*")
        .query("container", &source.container)
        .query_some("follow", flag(args.follow))
        .query_some("previous", flag(args.previous))
        .query_some("timestamps", flag(args.timestamps))
        .query_some("sinceSeconds", args.since.map(|since| since.as_secs_f64().ceil() as u64))
        .query_some("sinceTime", args.since_time.as_deref())
        .query_some("tailLines", tail)
        .query_some("limitBytes", args.limit_bytes)
}

/// Copies one log to standard output.
async fn copy(session: &Session, args: &Args, source: Source) -> Result<(), Error> {
    let copied = match args.prefix || args.all_pods {
        false => copy_bytes(session, args, &source).await,
        true => copy_lines(session, args, &source).await,
    };
    match copied {
        Err(error @ Error::Output(_)) => Err(error),
        Err(error) if args.ignore_errors => {
            output::note(error.report());
            Ok(())
        }
        result => result,
    }
}

async fn copy_bytes(session: &Session, args: &Args, source: &Source) -> Result<(), Error> {
    let mut pieces = std::pin::pin!(session.stream(call(args, source)).await?);
    while let Some(piece) = pieces.next().await {
        output::write(piece?)?;
    }
    Ok(())
}

/// Lines as bytes: a log need not be UTF-8.
async fn copy_lines(session: &Session, args: &Args, source: &Source) -> Result<(), Error> {
    let mut pieces = std::pin::pin!(session.stream(call(args, source)).await?);
    let mut rest: Vec<u8> = Vec::new();
    while let Some(piece) = pieces.next().await {
        rest.extend_from_slice(&piece?);
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            output::write([source.origin.as_bytes(), &line].concat())?;
        }
    }
    match rest.is_empty() {
        true => Ok(()),
        false => output::write([source.origin.as_bytes(), &rest].concat()),
    }
}
