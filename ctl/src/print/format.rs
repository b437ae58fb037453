//! The argument of `-o`.

use super::columns::Columns;
use crate::error::Error;
use std::str::FromStr;
use timonier_api::jsonpath::Template;

/// How objects are printed.
#[derive(Clone, Debug)]
pub enum Format {
    /// The server's table, with its wide columns if asked for.
    Table {
        wide: bool,
    },
    Yaml,
    Json,
    /// `pod/web-1`, a line an object.
    Name,
    JsonPath(Template),
    Columns(Columns),
}

impl Format {
    /// The format that `-o` names; no `-o` is the table.
    pub fn of(flag: Option<&str>) -> Result<Format, Error> {
        match flag {
            None | Some("") => Ok(Format::Table { wide: false }),
            Some(text) => text.parse(),
        }
    }

    pub fn is_table(&self) -> bool {
        matches!(self, Format::Table { .. })
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Format, Error> {
        let (name, argument) = match text.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        match (name, argument) {
            ("wide", None) => Ok(Format::Table { wide: true }),
            ("yaml", None) => Ok(Format::Yaml),
            ("json", None) => Ok(Format::Json),
            ("name", None) => Ok(Format::Name),
            ("jsonpath", Some(template)) => Ok(Format::JsonPath(Template::parse(template)?)),
            ("jsonpath-file", Some(path)) => Ok(Format::JsonPath(Template::parse(&file(path)?)?)),
            ("custom-columns", Some(spec)) => Ok(Format::Columns(Columns::parse(spec)?)),
            ("custom-columns-file", Some(path)) => Ok(Format::Columns(Columns::parse_file(&file(path)?)?)),
            ("jsonpath", None) => Err(Error::usage("template format specified but no template given")),
            ("custom-columns", None) => {
                Err(Error::usage("custom-columns format specified but no custom columns given"))
            }
            _ => Err(Error::usage(format!(
                "unable to match a printer suitable for the output format \"{text}\", allowed formats are: \
                 custom-columns,custom-columns-file,json,jsonpath,jsonpath-file,name,wide,yaml"
            ))),
        }
    }
}

fn file(path: &str) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })
}
