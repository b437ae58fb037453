//! Why a command failed, and how kubectl would say so on standard error.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause};
use std::collections::BTreeSet;
use std::io;

/// The exit code of a process whose standard output was closed by its reader, as a shell reports SIGPIPE.
const BROKEN_PIPE: i32 = 141;

/// Everything a command of `kctl` can fail with.
///
/// [`Error::report`] gives the text for standard error, [`Error::exit_code`] the code of the process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server answered with a `Status` that is not a success.
    #[error("{}", server_message(.0))]
    Api(Box<Status>),
    /// The command line, a file or an object is not what the command can work with.
    #[error("{0}")]
    Usage(String),
    /// Several things failed; each is reported on its own line.
    #[error("{}", join(.0))]
    Many(Vec<Error>),
    /// No cluster is configured; the text names what was tried.
    #[error("{0}")]
    NoCluster(String),
    /// A kubeconfig file could not be used.
    #[error("error loading config file \"{path}\": {detail}")]
    Kubeconfig { path: String, detail: String },
    /// Nothing listens at the server's address.
    #[error("The connection to the server {server} was refused - did you specify the right host or port?")]
    Refused { server: String },
    /// The server could not be reached for another reason.
    #[error("Unable to connect to the server: {detail}")]
    Unreachable { detail: String },
    /// A request took longer than `--request-timeout`.
    #[error("Unable to connect to the server: request took longer than --request-timeout={0}")]
    RequestTimeout(String),
    /// What the server sent is not what the API promises.
    #[error("unexpected answer from the server: {0}")]
    Protocol(String),
    /// A local file or standard input could not be read.
    #[error("{path}: {source}")]
    Read { path: String, source: io::Error },
    /// Standard output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// Everything that there was to say has been said; only the exit code is left.
    #[error("exit code {0}")]
    Exit(i32),
}

impl From<timonier_api::jsonpath::Error> for Error {
    fn from(error: timonier_api::jsonpath::Error) -> Error {
        Error::usage(error.to_string())
    }
}

impl Error {
    pub fn usage(message: impl Into<String>) -> Error {
        Error::Usage(message.into())
    }

    /// One error for a list of them; `Ok` when there is none.
    pub fn collect(mut errors: Vec<Error>) -> Result<(), Error> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Error::Many(errors)),
        }
    }

    /// The machine-readable reason of the server's answer, if it is one: `NotFound`, `Conflict`…
    pub fn reason(&self) -> Option<&str> {
        match self {
            Error::Api(status) => status.reason.as_deref(),
            _ => None,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.reason() == Some("NotFound")
    }

    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Exit(code) => *code,
            Error::Output(source) if source.kind() == io::ErrorKind::BrokenPipe => BROKEN_PIPE,
            _ => 1,
        }
    }

    /// Puts `while_doing` (`error when creating "web.yaml"`) before the server's words.
    pub fn context(self, while_doing: &str) -> Error {
        match self {
            Error::Api(mut status) => {
                let message = status.message.take().unwrap_or_default();
                status.message = Some(format!("{while_doing}: {message}"));
                Error::Api(status)
            }
            Error::Usage(message) => Error::Usage(format!("{while_doing}: {message}")),
            other => other,
        }
    }

    /// The lines for standard error, without a final newline; empty if nothing is left to say.
    pub fn report(&self) -> String {
        match self {
            Error::Exit(_) => String::new(),
            Error::Output(source) if source.kind() == io::ErrorKind::BrokenPipe => String::new(),
            Error::Many(errors) => errors.iter().map(Error::report).collect::<Vec<_>>().join("\n"),
            Error::Api(status) if status.reason.as_deref() == Some("Invalid") => invalid(status),
            Error::Api(_) | Error::Refused { .. } | Error::Unreachable { .. } | Error::RequestTimeout(_) => {
                self.to_string()
            }
            other => format!("error: {other}"),
        }
    }
}

fn join(errors: &[Error]) -> String {
    errors.iter().map(Error::to_string).collect::<Vec<_>>().join("; ")
}

fn server_message(status: &Status) -> String {
    let message = status.message.as_deref().unwrap_or("unknown");
    match status.reason.as_deref() {
        Some(reason) if !reason.is_empty() => format!("Error from server ({reason}): {message}"),
        _ => format!("Error from server: {message}"),
    }
}

/// A validation failure lists its causes, each once, sorted.
fn invalid(status: &Status) -> String {
    let message = status.message.as_deref().unwrap_or_default();
    let with_message = |head: String| if message.is_empty() { head } else { format!("{head}: {message}") };
    let Some(details) = &status.details else {
        return with_message("The request is invalid".into());
    };
    let causes = details.causes.as_deref().unwrap_or_default();
    let kind = details.kind.as_deref().unwrap_or_default();
    let name = details.name.as_deref().unwrap_or_default();
    let head = match (kind, name) {
        ("", "") if causes.is_empty() => return with_message("The request is invalid".into()),
        ("", "") => "The request is invalid".to_string(),
        _ => format!("The {kind} {name:?} is invalid"),
    };
    let lines: BTreeSet<String> = causes.iter().map(cause_line).collect();
    match lines.len() {
        0 => with_message(head),
        1 => format!("{head}: {}", lines.iter().next().map(String::as_str).unwrap_or_default()),
        _ => lines.iter().fold(format!("{head}: "), |text, line| format!("{text}\n* {line}")),
    }
}

fn cause_line(cause: &StatusCause) -> String {
    format!("{}: {}", cause.field.as_deref().unwrap_or_default(), cause.message.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn api(status: serde_json::Value) -> Error {
        Error::Api(Box::new(serde_json::from_value(status).expect("a Status")))
    }

    #[test]
    fn a_status_is_reported_with_its_reason() {
        let error = api(json!({"reason": "NotFound", "message": "pods \"x\" not found"}));
        assert_eq!(error.report(), "Error from server (NotFound): pods \"x\" not found");
    }

    #[test]
    fn an_invalid_object_lists_each_cause_once() {
        let one = json!({"field": "spec.replicas", "message": "Invalid value: -1: must be non-negative"});
        let two = json!({"field": "metadata.name", "message": "Required value"});
        let details = json!({"kind": "Deployment", "name": "web", "causes": [one.clone()]});
        assert_eq!(
            api(json!({"reason": "Invalid", "message": "…", "details": details})).report(),
            "The Deployment \"web\" is invalid: spec.replicas: Invalid value: -1: must be non-negative"
        );
        let details = json!({"kind": "Deployment", "name": "web", "causes": [one.clone(), two, one]});
        assert_eq!(
            api(json!({"reason": "Invalid", "message": "…", "details": details})).report(),
            "The Deployment \"web\" is invalid: \n* metadata.name: Required value\n* spec.replicas: Invalid value: -1: must be non-negative"
        );
    }

    #[test]
    fn several_errors_take_a_line_each() {
        let error = Error::Many(vec![
            api(json!({"reason": "NotFound", "message": "pods \"x\" not found"})),
            Error::usage("no such thing"),
        ]);
        assert_eq!(error.report(), "Error from server (NotFound): pods \"x\" not found\nerror: no such thing");
    }

    #[test]
    fn a_closed_pipe_is_silent() {
        let error = Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((error.report().as_str(), error.exit_code()), ("", 141));
    }
}
