//! `kctl ui`: the viewer, opened signed in.

use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use http::Method;
use std::process::{Command, Stdio};
use timonier_apiserver::VIEWER_CODES_PATH;

/// Open the viewer in a browser, signed in as you are
///
/// The link that is printed is good once and for a minute: its code is exchanged for your token, which the page keeps in
/// memory alone. Who has a client certificate instead of a token gets a plain link: the browser shows the certificate.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl ui
  kctl ui --no-open     # print the link, open nothing")]
pub struct Args {
    /// Print the link and open no browser
    #[arg(long)]
    no_open: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let link = link(session.server(), code(&session).await?.as_deref());
    output::line(&link)?;
    if !args.no_open && !open(&link) {
        output::note("There is no browser that could be opened from here: open the link in one.");
    }
    Ok(())
}

/// A one-time code; `None` when the server knows us by a client certificate.
async fn code(session: &Session) -> Result<Option<String>, Error> {
    match session.json(Call::new(Method::POST, VIEWER_CODES_PATH)).await {
        Ok(answer) => match answer["code"].as_str() {
            Some(code) => Ok(Some(code.to_string())),
            None => Err(Error::Protocol("the answer holds no code".into())),
        },
        Err(Error::Api(status)) if status.code == Some(400) => Ok(None),
        Err(error) if error.is_not_found() => Err(error.context("only Timonier's API server has a viewer")),
        Err(error) => Err(error),
    }
}

/// The code is in the fragment, which no browser sends anywhere.
fn link(server: &str, code: Option<&str>) -> String {
    let page = format!("{}/ui/", server.trim_end_matches('/'));
    code.map_or_else(|| page.clone(), |code| format!("{page}#code={code}"))
}

/// Whether a browser was started. Nothing is opened where there is no desktop.
fn open(link: &str) -> bool {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if !desktop && opener == "xdg-open" {
        return false;
    }
    let started =
        Command::new(opener).arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    started.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_where_no_server_sees_it() {
        assert_eq!(link("https://h:6443/", Some("c0de")), "https://h:6443/ui/#code=c0de");
        assert_eq!(link("https://h:6443", None), "https://h:6443/ui/");
    }
}
