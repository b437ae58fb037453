//! How a session ended, as the client is told on its error stream.

use serde_json::{Value, json};

use crate::runtime::RuntimeError;

#[derive(Debug)]
pub enum Outcome {
    /// Ended, or detached from.
    Success,
    NonZero {
        command: Vec<String>,
        code: i32,
    },
    Failed(RuntimeError),
}

impl Outcome {
    /// Since protocol v4: a `Status`.
    pub fn status(&self) -> Value {
        match self {
            Outcome::Success => json!({"metadata": {}, "status": "Success"}),
            Outcome::NonZero { code, .. } => json!({
                "metadata": {}, "status": "Failure", "message": self.text(), "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
            }),
            Outcome::Failed(error) => json!({
                "metadata": {}, "status": "Failure", "message": self.text(), "reason": "InternalError", "code": 500,
                "details": {"causes": [{"message": error.to_string()}]},
            }),
        }
    }

    /// Before: a line if something went wrong.
    pub fn text(&self) -> String {
        match self {
            Outcome::Success => String::new(),
            Outcome::NonZero { command, code } => format!(
                "command terminated with non-zero exit code: error executing command [{}], exit code {code}",
                command.join(" ")
            ),
            Outcome::Failed(error) => {
                format!("Internal error occurred: error executing command in container: {error}")
            }
        }
    }

    pub fn message(&self, as_status: bool) -> Vec<u8> {
        if as_status { self.status().to_string().into_bytes() } else { self.text().into_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_a_cause_of_the_status() {
        let ended = Outcome::NonZero { command: vec!["sh".into(), "-c".into()], code: 3 };
        let status = ended.status();
        assert_eq!(status["reason"], "NonZeroExitCode");
        assert_eq!(status["details"]["causes"][0], json!({"reason": "ExitCode", "message": "3"}));
        assert_eq!(Outcome::Success.message(true), br#"{"metadata":{},"status":"Success"}"#);
        assert!(Outcome::Success.message(false).is_empty(), "old protocols say only what went wrong");
    }
}
