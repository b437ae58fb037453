//! Flags that several commands share.

use crate::error::Error;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Flags of every command: which cluster, as whom, and how loud.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// The kubeconfig file to use
    ///
    /// Otherwise the first that exists of: $KUBECONFIG, ./.timonier/kubeconfig, ~/.timonier/kubeconfig, ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub context: Option<String>,
    /// The cluster of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub cluster: Option<String>,
    /// The user of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub user: Option<String>,
    /// The namespace to work in
    #[arg(long, short, global = true, value_name = "NAME", help_heading = "Global options")]
    pub namespace: Option<String>,
    /// The address of the API server, such as https://127.0.0.1:6443
    #[arg(long, short, global = true, value_name = "URL", help_heading = "Global options")]
    pub server: Option<String>,
    /// The bearer token to show to the API server
    #[arg(long, global = true, value_name = "TOKEN", hide_env_values = true, help_heading = "Global options")]
    pub token: Option<String>,
    /// A file with the certificate of the authority that vouches for the API server
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub certificate_authority: Option<PathBuf>,
    /// Do not check the API server's certificate (insecure)
    #[arg(long, global = true, help_heading = "Global options")]
    pub insecure_skip_tls_verify: bool,
    /// How long to wait for one request, such as 5s or 2m; 0 waits forever
    #[arg(long, global = true, value_name = "DURATION", default_value = "0", help_heading = "Global options")]
    pub request_timeout: String,
    /// What to log on standard error, such as info or kctl=debug
    #[arg(long, global = true, value_name = "FILTER", env = "TIMONIER_LOG", help_heading = "Global options")]
    pub log: Option<String>,
    #[command(flatten)]
    pub tracing: timonier_telemetry::Flags,
    /// Log verbosity: 0 is quiet, 6 shows requests, 8 and more shows everything
    #[arg(
        short = 'v',
        long = "v",
        global = true,
        value_name = "LEVEL",
        default_value_t = 0,
        help_heading = "Global options"
    )]
    pub verbosity: u8,
}

impl Global {
    /// The tracing filter that `--log` and `-v` ask for.
    pub fn log_filter(&self) -> String {
        match (&self.log, self.verbosity) {
            (Some(filter), _) => filter.clone(),
            (None, 0) => "warn,kube_client=off".into(),
            (None, 1..=4) => "info,kube_client=off".into(),
            (None, 5..=7) => "info,timonier_ctl=debug".into(),
            (None, _) => "debug".into(),
        }
    }

    /// `None`: wait forever.
    pub fn request_timeout(&self) -> Result<Option<Duration>, Error> {
        match duration(&self.request_timeout) {
            Some(Duration::ZERO) => Ok(None),
            Some(timeout) => Ok(Some(timeout)),
            None => Err(Error::usage(format!(
                "invalid value {:?} for --request-timeout: want a number of seconds or a duration such as 1m30s",
                self.request_timeout
            ))),
        }
    }
}

/// A duration as Go writes it (`1m30s`, `500ms`, `1.5h`); a bare number is seconds.
pub fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (value, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += Duration::try_from_secs_f64(value.parse::<f64>().ok()? * unit).ok()?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// For clap: a duration, or why it is none.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "want a duration such as 30s, 5m or 1h30m".to_string())
}

/// `-f`, `-R`: objects in files.
#[derive(Args, Clone, Debug, Default)]
pub struct Files {
    /// A file or folder with the objects, or - for standard input; may be given several times
    #[arg(long = "filename", short = 'f', value_name = "FILE", value_delimiter = ',')]
    pub filename: Vec<String>,
    /// Look into the folders of -f as well
    #[arg(long, short = 'R')]
    pub recursive: bool,
}

/// `-o`
#[derive(Args, Clone, Debug, Default)]
pub struct Output {
    /// Output format: wide, yaml, json, name, jsonpath=…, custom-columns=…
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<String>,
    /// Keep managedFields in YAML and JSON
    #[arg(long)]
    pub show_managed_fields: bool,
}

/// `--dry-run`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DryRun {
    #[default]
    None,
    /// Print what would be sent, send nothing
    Client,
    /// Let the server do everything but store it
    Server,
}

impl DryRun {
    /// What follows the sentence about an object.
    pub fn suffix(self) -> &'static str {
        match self {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn durations_are_written_as_in_go() {
        for (text, seconds) in
            [("5", 5.0), ("30s", 30.0), ("1m30s", 90.0), ("500ms", 0.5), ("1.5h", 5400.0), ("0", 0.0)]
        {
            assert_eq!(duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "5x", "m", "-1s", "1m-3s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
