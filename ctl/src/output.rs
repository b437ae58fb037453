//! Standard output and standard error, where a closed pipe is an error value and never a panic.

use crate::error::Error;
use std::io::{IsTerminal, Write};

/// Writes `text` as it is and flushes it.
pub fn write(text: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_ref())?;
    out.flush()?;
    Ok(())
}

/// Writes `text` and a newline.
pub fn line(text: impl AsRef<str>) -> Result<(), Error> {
    write(format!("{}\n", text.as_ref()))
}

/// A line on standard error; if nobody reads it, there is nobody to tell.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// Whether a person watches standard error, so that progress may be drawn there.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
