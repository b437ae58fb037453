//! `kctl api-resources` and `kctl api-versions`

use crate::cluster::{Catalog, Resource};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use crate::print::tabwriter::{self, TABLE};
use std::collections::BTreeSet;

/// Show the types that the server knows.
#[derive(clap::Args, Debug, Default)]
#[command(after_help = "Examples:
  kctl api-resources
  kctl api-resources --namespaced=false -o wide
  kctl api-resources --api-group=apps -o name")]
pub struct Args {
    /// Output format: wide or name
    #[arg(long, short, value_name = "FORMAT", value_parser = ["wide", "name"])]
    output: Option<String>,
    /// Only types whose objects live in a namespace, or (=false) only those whose do not
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    namespaced: Option<bool>,
    /// Only types that can do all of these, such as list,watch
    #[arg(long, value_name = "VERB", value_delimiter = ',')]
    verbs: Vec<String>,
    /// Only types of this group; empty is the core group
    #[arg(long, value_name = "GROUP")]
    api_group: Option<String>,
    /// Only types of these categories
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    categories: Vec<String>,
    /// Sort by name or kind
    #[arg(long, value_name = "COLUMN", value_parser = ["name", "kind"])]
    sort_by: Option<String>,
    /// No header line
    #[arg(long)]
    no_headers: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    output::write(render(session.catalog().await?, &args))
}

fn render(catalog: &Catalog, args: &Args) -> String {
    let mut resources: Vec<&Resource> = catalog.resources.iter().filter(|resource| is_wanted(resource, args)).collect();
    match args.sort_by.as_deref() {
        Some("name") => resources.sort_by_key(|resource| &resource.plural),
        Some(_) => resources.sort_by_key(|resource| &resource.kind),
        None => resources.sort_by_key(|resource| (&resource.group, &resource.plural)),
    }
    if args.output.as_deref() == Some("name") {
        return resources.iter().map(|resource| resource.group_resource() + "\n").collect();
    }
    let wide = args.output.is_some();
    let mut text = String::new();
    if !args.no_headers {
        text.push_str("NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND");
        text.push_str(if wide { "\tVERBS\tCATEGORIES\n" } else { "\n" });
    }
    for resource in resources {
        let short = resource.short_names.join(",");
        let Resource { plural, namespaced, kind, .. } = resource;
        text.push_str(&format!("{plural}\t{short}\t{}\t{namespaced}\t{kind}", resource.api_version()));
        if wide {
            text.push_str(&format!("\t{}\t{}", resource.verbs.join(","), resource.categories.join(",")));
        }
        text.push('\n');
    }
    tabwriter::align(&text, TABLE)
}

fn is_wanted(resource: &Resource, args: &Args) -> bool {
    args.namespaced.is_none_or(|namespaced| resource.namespaced == namespaced)
        && args.api_group.as_ref().is_none_or(|group| resource.group == *group)
        && args.verbs.iter().all(|verb| resource.can(verb))
        && args.categories.iter().all(|category| resource.categories.contains(category))
        && !resource.verbs.is_empty()
}

/// Show the API versions that the server knows.
#[derive(clap::Args, Debug)]
pub struct VersionsArgs {}

pub async fn run_versions(_: VersionsArgs, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let versions: BTreeSet<String> = session.catalog().await?.resources.iter().map(Resource::api_version).collect();
    output::write(versions.iter().map(|version| format!("{version}\n")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::catalog::tests::catalog;

    #[test]
    fn types_are_listed_by_group_and_name() {
        insta::assert_snapshot!(render(&catalog(), &Args::default()));
    }

    #[test]
    fn filters_narrow_the_list() {
        let args = Args { output: Some("name".into()), namespaced: Some(false), ..Args::default() };
        assert_eq!(render(&catalog(), &args), "nodes\n");
        let args = Args { output: Some("name".into()), api_group: Some("apps".into()), ..Args::default() };
        assert_eq!(render(&catalog(), &args), "deployments.apps\n");
        let args = Args { output: Some("name".into()), verbs: vec!["watch".into()], ..Args::default() };
        assert_eq!(render(&catalog(), &args), "");
    }
}
