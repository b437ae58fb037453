//! What a request asks for: the kubelet's query parameters.

use percent_encoding::percent_decode_str;

use crate::{
    runtime::{AttachRequest, ExecRequest},
    server::logs::boolean,
};

/// `PodExecOptions` and `PodAttachOptions` as the kubelet's port takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub command: Vec<String>,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub tty: bool,
}

impl Options {
    /// Unknown names are left to newer versions.
    pub fn parse(query: &str) -> Result<Options, String> {
        let mut options = Options::default();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "command" => options.command.push(value),
                "input" | "stdin" => options.stdin = boolean(&name, &value)?,
                "output" | "stdout" => options.stdout = boolean(&name, &value)?,
                "error" | "stderr" => options.stderr = boolean(&name, &value)?,
                "tty" => options.tty = boolean(&name, &value)?,
                _ => {}
            }
        }
        // A terminal has one output.
        options.stderr &= !options.tty;
        if !(options.stdin || options.stdout || options.stderr) {
            return Err("you must specify at least 1 of stdin, stdout, stderr".to_owned());
        }
        Ok(options)
    }

    pub fn exec(&self) -> ExecRequest {
        let Options { command, stdin, stdout, stderr, tty } = self.clone();
        ExecRequest { command, stdin, stdout, stderr, tty }
    }

    pub fn attach(&self) -> AttachRequest {
        AttachRequest { stdin: self.stdin, stdout: self.stdout, stderr: self.stderr }
    }
}

/// The ports of a port-forward that names them at once.
pub fn ports(query: &str) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for (name, value) in pairs(query).filter(|(name, _)| matches!(name.as_str(), "port" | "ports")) {
        for text in value.split(',') {
            match text.trim().parse() {
                Ok(port) if port > 0 => ports.push(port),
                _ => return Err(format!("invalid {name} {text:?}: must be a number between 1 and 65535")),
            }
        }
    }
    if ports.is_empty() {
        return Err("query parameter \"port\" is required".to_owned());
    }
    // Two channels a port, each a byte.
    if ports.len() > 127 {
        return Err(format!("port: {} are too many: at most 127 fit one connection", ports.len()));
    }
    Ok(ports)
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_api_server_sends_them() {
        let read = Options::parse("command=sh&command=-c&command=echo+%2B+%26&input=1&output=1&error=1&new=1");
        let read = read.expect("options");
        assert_eq!(read.command, ["sh", "-c", "echo + &"]);
        assert!(read.stdin && read.stdout && read.stderr && !read.tty);
        let tty = Options::parse("stdout=true&stderr=true&tty=1").expect("options");
        assert!(tty.tty && !tty.stderr, "a terminal has one output");
        let refused = |query| Options::parse(query).err();
        assert_eq!(refused("tty=1").as_deref(), Some("you must specify at least 1 of stdin, stdout, stderr"));
        assert_eq!(refused("input=maybe").as_deref(), Some("input: \"maybe\" is neither true nor false"));
    }

    #[test]
    fn ports_may_be_repeated_or_listed() {
        assert_eq!(ports("port=80,81&ports=82"), Ok(vec![80, 81, 82]));
        assert!(ports("port=0").is_err_and(|error| error.contains("between 1 and 65535")));
        assert!(ports("").is_err_and(|error| error.contains("is required")));
    }
}
