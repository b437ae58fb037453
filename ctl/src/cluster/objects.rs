//! The objects that a command line selects: by name, by selector, or from files.

use super::{Call, Resource, Session};
use crate::error::Error;
use crate::manifest::{self, Document};
use crate::select::{self, Query, Selector};
use http::Method;
use serde_json::{Value, json};

/// Objects are asked for in pages of this many.
pub const PAGE: usize = 500;

/// One selected object.
#[derive(Clone, Debug)]
pub struct Item {
    pub resource: Resource,
    /// Empty for cluster-wide objects.
    pub namespace: String,
    pub name: String,
    /// As the server has it (after a list or a get), or as the file has it.
    pub object: Value,
    /// The file it came from.
    pub source: Option<String>,
}

impl Item {
    /// `pod/web`, `deployment.apps/web`
    pub fn title(&self) -> String {
        format!("{}/{}", self.resource.short_type(), self.name)
    }

    pub fn path(&self) -> String {
        self.resource.object_path(&self.namespace, &self.name)
    }

    /// An object that a file describes.
    pub async fn from_document(session: &Session, document: Document) -> Result<Item, Error> {
        let Document { object, source } = document;
        let resource = session.catalog().await?.of_object(&object).map_err(|error| match error {
            Error::Usage(message) => {
                Error::usage(message.replacen(": no matches", &format!(" from \"{source}\": no matches"), 1))
            }
            other => other,
        })?;
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default().to_string();
        let namespace = session.namespace_of(resource, metadata["namespace"].as_str())?;
        Ok(Item { resource: resource.clone(), namespace, name, object, source: Some(source) })
    }

    /// Reads the object from the server.
    pub async fn refresh(&mut self, session: &Session) -> Result<(), Error> {
        self.object = session.json(Call::get(self.path())).await?;
        Ok(())
    }

    /// Sends a patch of the given type (`merge-patch+json`…) and keeps the answer.
    pub async fn patch(
        &mut self,
        session: &Session,
        subresource: &str,
        content_type: &'static str,
        patch: &Value,
        dry_run: bool,
    ) -> Result<(), Error> {
        let call = Call::new(Method::PATCH, self.path() + subresource)
            .query("fieldManager", "kctl")
            .query_some("dryRun", dry_run.then_some("All"))
            .body(content_type, patch.to_string());
        self.object = session.json(call).await?;
        Ok(())
    }
}

/// Items and the errors met on the way; a missing pod does not hide the next one.
#[derive(Debug, Default)]
pub struct Selection {
    pub items: Vec<Item>,
    pub errors: Vec<Error>,
}

/// Finds the objects.
pub async fn select(session: &Session, query: Query<'_>) -> Result<Selection, Error> {
    let mut found = Selection::default();
    if let Some(files) = query.files.filter(|files| !files.filename.is_empty()) {
        if !query.words.is_empty() {
            return Err(Error::usage(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
            ));
        }
        let documents = manifest::read(files)?;
        found.errors = documents.errors;
        for document in documents.documents {
            match Item::from_document(session, document).await {
                Ok(item) => found.items.push(item),
                Err(error) => found.errors.push(error),
            }
        }
    }
    let catalog = session.catalog().await?;
    for target in select::targets(query.words)? {
        let Some(name) = target.name else {
            if !query.all && query.selector.is_empty() {
                return Err(Error::usage("resource(s) were provided, but no name was specified"));
            }
            for resource in catalog.expand(&target.word)? {
                found.items.extend(list(session, resource, query.selector).await?);
            }
            continue;
        };
        if query.selector.selector.is_some() {
            return Err(Error::usage("name cannot be provided when a selector is specified"));
        }
        for resource in catalog.expand(&target.word)? {
            let namespace = session.namespace_of(resource, None)?;
            let resource = resource.clone();
            found.items.push(Item { resource, namespace, name: name.clone(), object: Value::Null, source: None });
        }
    }
    if query.read {
        let items = std::mem::take(&mut found.items);
        for mut item in items {
            let known = item.source.is_none() && !item.object.is_null();
            match if known { Ok(()) } else { item.refresh(session).await } {
                Ok(()) => found.items.push(item),
                Err(error) => found.errors.push(error),
            }
        }
    }
    Ok(found)
}

/// All objects of a resource that match.
pub async fn list(session: &Session, resource: &Resource, selector: &Selector) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    for mut object in pages(session, resource, selector).await?.0 {
        // Items of a list carry neither.
        object["apiVersion"] = json!(resource.api_version());
        object["kind"] = json!(resource.kind);
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_string();
        let (namespace, name) = (text("namespace"), text("name"));
        items.push(Item { resource: resource.clone(), namespace, name, object, source: None });
    }
    Ok(items)
}

/// Says which selectors a server refused.
pub fn unmatched(error: Error, resource: &Resource, selector: &Selector) -> Error {
    if error.reason() != Some("BadRequest") || selector.is_empty() {
        return error;
    }
    let Resource { group, version, plural, .. } = resource;
    let labels = selector.selector.as_deref().unwrap_or_default();
    let fields = selector.field_selector.as_deref().unwrap_or_default();
    error.context(&format!(
        "Unable to find \"{group}/{version}, Resource={plural}\" that match label selector {labels:?}, field selector {fields:?}"
    ))
}

/// The collection's call without a page.
pub fn list_call(session: &Session, resource: &Resource, selector: &Selector) -> Call {
    let namespace = (!selector.all_namespaces).then(|| session.namespace());
    Call::get(resource.path(namespace))
        .query_some("labelSelector", selector.selector.as_deref())
        .query_some("fieldSelector", selector.field_selector.as_deref())
}

/// All items of a collection and the revision of the list.
pub async fn pages(session: &Session, resource: &Resource, selector: &Selector) -> Result<(Vec<Value>, String), Error> {
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let call = list_call(session, resource, selector).query("limit", PAGE).query_some("continue", token.take());
        let page = session.json(call).await;
        let mut page = page.map_err(|error| unmatched(error, resource, selector))?;
        if let Value::Array(found) = page["items"].take() {
            items.extend(found);
        }
        match page["metadata"]["continue"].as_str() {
            Some(next) if !next.is_empty() => token = Some(next.to_string()),
            _ => {
                let revision = page["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_string();
                return Ok((items, revision));
            }
        }
    }
}
