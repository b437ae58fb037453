//! What is told of something that makes pods. Pure.

use std::fmt::Write;

use serde::Serialize;
use timonier_scheduling::why::{Explanation, words};

use super::remedy::Remedy;

/// Something that makes pods, from itself down to them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// From the one that was asked about down to the one that makes the pods.
    pub chain: Vec<Link>,
    /// What refuses its pods, in the server's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
    /// Of its pods that wait for a node, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Explanation>,
    /// How many wait like it.
    pub like_it: usize,
}

#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// As in `deployment/web`.
    pub title: String,
    pub wants: i64,
    pub has: i64,
}

/// All of it, several lines, each ended.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    for Link { title, wants, has } in &report.chain {
        line(&mut out, format!("{title} wants {wants} pods and has {has}."));
    }
    if let Some(refused) = &report.refused {
        line(&mut out, format!("Its pods cannot be made: {refused}"));
        if let Some((best, others)) = report.remedies.split_first() {
            line(&mut out, "The smallest change after which they are made:");
            remedy(&mut out, best);
            if !others.is_empty() {
                line(&mut out, "Or:");
                others.iter().for_each(|one| remedy(&mut out, one));
            }
        }
    }
    if let Some(told) = &report.pod {
        out.push_str(&words::text(told));
        out.push_str(&like_it(report.like_it));
    } else if report.refused.is_none() {
        line(&mut out, "None of its pods waits for a node.");
    }
    out
}

/// About the pods that are not told of one by one.
pub fn like_it(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => "1 more pod of its controller waits for a node.\n".into(),
        more => format!("{more} more pods of its controller wait for a node.\n"),
    }
}

fn line(out: &mut String, text: impl AsRef<str>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}", text.as_ref());
}

fn remedy(out: &mut String, remedy: &Remedy) {
    line(out, format!("  {}.", remedy.summary));
    if let Some(command) = &remedy.command {
        line(out, format!("    $ {command}"));
    }
}
