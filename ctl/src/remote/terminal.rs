//! Our end of a terminal: raw while somebody else's process has it, and as large as its window.

use std::io::{self, IsTerminal};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Standard input in raw mode, until this is dropped.
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// `None`: standard input is no terminal.
    pub fn enter() -> io::Result<Option<Raw>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw)?;
        Ok(Some(Raw { before }))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The window's size now and after each change, as messages of the resize channel.
pub struct Sizes {
    changes: Signal,
    first: bool,
}

impl Sizes {
    pub fn watch() -> io::Result<Sizes> {
        Ok(Sizes { changes: signal(SignalKind::window_change())?, first: true })
    }

    pub async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.first, false) {
            self.changes.recv().await?;
        }
        let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin())).ok()?;
        Some(json!({"Width": size.ws_col, "Height": size.ws_row}).to_string())
    }
}
