//! `kctl config`: looking at kubeconfig files and changing them.

use crate::connect::{kubeconfig_file, named_by_environment};
use crate::error::Error;
use crate::flags::Global;
use crate::manifest::parse_one;
use crate::output;
use crate::print::tabwriter::{self, TABLE};
use crate::print::{json, yaml};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Look at and change the kubeconfig.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Show the kubeconfig without its secrets
    View(View),
    /// List the contexts
    GetContexts {
        /// Only this one
        name: Option<String>,
        /// No header line
        #[arg(long)]
        no_headers: bool,
        /// Only the names
        #[arg(long, short, value_name = "FORMAT", value_parser = ["name"])]
        output: Option<String>,
    },
    /// Show the name of the context in use
    CurrentContext,
    /// Choose the context to use from now on
    #[command(visible_alias = "use")]
    UseContext {
        /// The context
        name: String,
    },
    /// Change or add a context, for instance its namespace
    #[command(after_help = "Examples:
  kctl config set-context --current --namespace=shop")]
    SetContext(SetContext),
}

#[derive(clap::Args, Debug)]
struct View {
    /// Show secrets as well
    #[arg(long)]
    raw: bool,
    /// Only what the context in use needs
    #[arg(long)]
    minify: bool,
    /// Output format: yaml or json
    #[arg(long, short, value_name = "FORMAT", default_value = "yaml", value_parser = ["yaml", "json"])]
    output: String,
}

/// `--cluster`, `--user` and `--namespace` are the global flags.
#[derive(clap::Args, Debug)]
struct SetContext {
    /// The context; left out with --current
    name: Option<String>,
    /// The context in use
    #[arg(long)]
    current: bool,
}

pub fn run(args: Args, global: &Global) -> Result<(), Error> {
    let file = writable(global)?;
    let mut config = read(&file)?;
    match args.action {
        Action::View(view) => output::write(show(config, &view)),
        Action::GetContexts { name, no_headers, output } => {
            let text = contexts(&config, name.as_deref(), !no_headers, output.is_some())?;
            output::write(text)
        }
        Action::CurrentContext => match current(&config) {
            "" => Err(Error::usage("current-context is not set")),
            name => output::line(name),
        },
        Action::UseContext { name } => {
            if find(&config, "contexts", &name).is_none() {
                return Err(Error::usage(format!("no context exists with the name: {name:?}")));
            }
            config["current-context"] = name.clone().into();
            write(&file, &config)?;
            output::line(format!("Switched to context {name:?}."))
        }
        Action::SetContext(change) => {
            let name = match (change.name, change.current) {
                (Some(_), true) => return Err(Error::usage("you cannot specify both a context name and --current")),
                (None, false) => return Err(Error::usage("you must specify a non-empty context name or --current")),
                (Some(name), false) => name,
                (None, true) if current(&config).is_empty() => return Err(Error::usage("no current context is set")),
                (None, true) => current(&config).to_string(),
            };
            let verb = set_context(&mut config, &name, global);
            write(&file, &config)?;
            output::line(format!("Context {name:?} {verb}."))
        }
    }
}

/// With several files in `$KUBECONFIG` the first that exists is looked at and changed.
fn writable(global: &Global) -> Result<PathBuf, Error> {
    let first = || named_by_environment().into_iter().find(|file| file.exists());
    kubeconfig_file(global)?
        .or_else(first)
        .ok_or_else(|| Error::NoCluster("no file that $KUBECONFIG names exists".into()))
}

fn read(file: &Path) -> Result<Value, Error> {
    let text =
        std::fs::read_to_string(file).map_err(|source| Error::Read { path: file.display().to_string(), source })?;
    let unusable = |detail: String| Error::Kubeconfig { path: file.display().to_string(), detail };
    let config = parse_one(&text).map_err(unusable)?;
    match config.is_object() {
        true => Ok(config),
        false => Err(unusable("it is not a kubeconfig".into())),
    }
}

/// Replaces the file in one step, readable by its owner only: it holds secrets.
fn write(file: &Path, config: &Value) -> Result<(), Error> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| Error::Read { path: file.display().to_string(), source };
    let next = file.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&next);
    let written = opened.and_then(|mut out| {
        out.write_all(yaml::render(config).as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&next, file)
    });
    written.map_err(failed)
}

fn current(config: &Value) -> &str {
    config["current-context"].as_str().unwrap_or_default()
}

fn named<'a>(config: &'a Value, list: &str) -> &'a [Value] {
    config[list].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn find<'a>(config: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    named(config, list).iter().find(|entry| entry["name"] == name)
}

fn contexts(config: &Value, only: Option<&str>, headers: bool, names: bool) -> Result<String, Error> {
    let mut rows: Vec<&Value> = named(config, "contexts").iter().collect();
    rows.sort_by_key(|row| row["name"].as_str().unwrap_or_default());
    if let Some(only) = only {
        rows.retain(|row| row["name"] == only);
        if rows.is_empty() {
            return Err(Error::usage(format!("context {only} not found")));
        }
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    if names {
        return Ok(rows.iter().map(|row| text(&row["name"]) + "\n").collect());
    }
    let mut table = String::from(if headers { "CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n" } else { "" });
    for row in rows {
        let mark = if row["name"] == current(config) { "*" } else { "" };
        let context = &row["context"];
        let cells = [&row["name"], &context["cluster"], &context["user"], &context["namespace"]].map(text);
        table.push_str(&format!("{mark}\t{}\n", cells.join("\t")));
    }
    Ok(tabwriter::align(&table, TABLE))
}

/// Says whether the context was there: `modified` or `created`.
fn set_context(config: &mut Value, name: &str, change: &Global) -> &'static str {
    let known = find(config, "contexts", name).is_some();
    if !known {
        let entry = json!({"name": name, "context": {"cluster": "", "user": ""}});
        match config["contexts"].as_array_mut() {
            Some(contexts) => contexts.push(entry),
            None => config["contexts"] = json!([entry]),
        }
    }
    let contexts = config["contexts"].as_array_mut().into_iter().flatten();
    for entry in contexts.filter(|entry| entry["name"] == name) {
        for (field, value) in [("cluster", &change.cluster), ("user", &change.user), ("namespace", &change.namespace)] {
            if let Some(value) = value {
                entry["context"][field] = value.clone().into();
            }
        }
    }
    if known { "modified" } else { "created" }
}

fn show(mut config: Value, view: &View) -> String {
    if view.minify {
        minify(&mut config);
    }
    if !view.raw {
        redact(&mut config);
    }
    match view.output.as_str() {
        "json" => json::render(&config),
        _ => yaml::render(&config),
    }
}

/// Keeps the context in use, its cluster and its user.
fn minify(config: &mut Value) {
    let context = find(config, "contexts", current(config)).cloned().unwrap_or_default();
    let keep = [
        ("contexts", context["name"].clone()),
        ("clusters", context["context"]["cluster"].clone()),
        ("users", context["context"]["user"].clone()),
    ];
    for (list, name) in keep {
        if let Some(entries) = config[list].as_array_mut() {
            entries.retain(|entry| entry["name"] == name);
        }
    }
}

fn redact(config: &mut Value) {
    let hide = |object: &mut Value, fields: &[&str], instead: &str| {
        for field in fields {
            if object.get(field).is_some() {
                object[*field] = instead.into();
            }
        }
    };
    for cluster in config["clusters"].as_array_mut().into_iter().flatten() {
        hide(&mut cluster["cluster"], &["certificate-authority-data"], "DATA+OMITTED");
    }
    for user in config["users"].as_array_mut().into_iter().flatten() {
        hide(&mut user["user"], &["client-certificate-data", "client-key-data"], "DATA+OMITTED");
        hide(&mut user["user"], &["token", "password"], "REDACTED");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "b",
            "clusters": [{"name": "c", "cluster": {"server": "https://x", "certificate-authority-data": "QQ=="}}],
            "contexts": [
                {"name": "b", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
                {"name": "a", "context": {"cluster": "d", "user": "v"}},
            ],
            "users": [{"name": "u", "user": {"token": "t", "client-key-data": "QQ=="}}, {"name": "v", "user": {}}],
        })
    }

    #[test]
    fn contexts_are_listed_with_the_one_in_use_marked() {
        insta::assert_snapshot!(contexts(&config(), None, true, false).expect("a table"));
        assert_eq!(contexts(&config(), None, true, true).ok().as_deref(), Some("a\nb\n"));
        assert!(contexts(&config(), Some("x"), true, false).is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let view = View { raw: false, minify: true, output: "yaml".into() };
        insta::assert_snapshot!(show(config(), &view));
    }

    #[test]
    fn a_namespace_is_set_and_kept_in_a_file_that_only_its_owner_reads() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("kubeconfig");
        let mut config = config();
        let change = Global { namespace: Some("x".into()), ..Global::default() };
        assert_eq!(set_context(&mut config, "a", &change), "modified");
        assert_eq!(set_context(&mut config, "new", &change), "created");
        write(&file, &config).expect("written");
        let read = read(&file).expect("readable");
        assert_eq!(find(&read, "contexts", "a").map(|c| c["context"]["namespace"].clone()), Some("x".into()));
        assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    }
}
