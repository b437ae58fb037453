//! What a verb is given: the request, read and authorized, and the kind that it is about.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method, Uri, header};
use hyper::upgrade::OnUpgrade;
use timonier_api::kind::GroupResource;
use timonier_api::protobuf::Message;
use timonier_api::schema::Schema;
use timonier_api::status::Status;
use timonier_store::{Entry, Key, Revision, Snapshot};

use tokio_util::sync::CancellationToken;

use super::keys;
use super::projection::Projection;
use crate::accept::{Accept, Shape};
use crate::app::App;
use crate::identity::Identity;
use crate::kinds::{Row, Table};
use crate::query::Query;
use crate::reading::read_error;
use crate::request::RequestInfo;

#[derive(Clone)]
pub struct Call {
    pub app: Arc<App>,
    pub identity: Arc<Identity>,
    pub info: RequestInfo,
    pub method: Method,
    pub uri: Uri,
    pub query: Query,
    pub headers: HeaderMap,
    pub accept: Accept,
    /// Which fields are sent, where not all are.
    pub projection: Option<Arc<Projection>>,
    /// The kind as it is served here.
    pub row: Arc<Row>,
    /// The kind as it is stored; another one only for kinds with two faces.
    pub storage: Arc<Row>,
    /// Told to the client in headers, whatever the answer is.
    pub warnings: Vec<String>,
    /// What the connection becomes, if the client may have it upgraded.
    pub upgrade: Option<OnUpgrade>,
}

impl Call {
    pub fn new(app: Arc<App>, mut parts: Parts) -> Result<Call, Status> {
        let info: RequestInfo =
            parts.extensions.remove().ok_or_else(|| Status::internal("the request was not read"))?;
        let identity = parts
            .extensions
            .remove::<Arc<Identity>>()
            .ok_or_else(|| Status::internal("the request was not authenticated"))?;
        let query: Query = parts.extensions.remove().unwrap_or_default();
        let table = app.kinds.current();
        let row = table
            .by_plural(&info.group, &info.version, &info.resource)
            .filter(|row| info.is_resource && fits_scope(row, &info))
            .cloned()
            .ok_or_else(Status::no_such_path)?;
        let upgrade = parts.extensions.remove();
        let storage = storage_row(&table, &row)?;
        let accept = match info.subresource.as_str() {
            // A log is text whatever was asked for, an upgraded connection what it was upgraded to, and what is proxied
            // to settles it with the client.
            "log" | "exec" | "attach" | "portforward" | "proxy" => Accept::JSON,
            _ => {
                let header = parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
                Accept::parse(header, Message::of(&row.kind.definition).is_some())?
            }
        };
        let projection = match accept.shape {
            Shape::Partial => Some(Arc::new(Projection::parse(query.get("fields"))?)),
            _ => None,
        };
        let Parts { method, uri, headers, .. } = parts;
        Ok(Call {
            app,
            identity,
            info,
            method,
            uri,
            query,
            headers,
            accept,
            projection,
            row,
            storage,
            warnings: vec![],
            upgrade,
        })
    }

    /// The resource as errors name it.
    pub fn resource(&self) -> GroupResource {
        GroupResource::new(&*self.row.kind.group, &*self.row.kind.plural)
    }

    /// The namespace of the object asked for; empty at cluster scope.
    pub fn namespace(&self) -> &str {
        if self.row.kind.namespaced { &self.info.namespace } else { "" }
    }

    pub fn key(&self, name: &str) -> Key {
        Key::new(keys::object(&self.row, self.namespace(), name))
    }

    pub fn not_found(&self, name: &str) -> Status {
        Status::not_found(&self.resource(), name)
    }

    /// A snapshot with everything that was acknowledged before this request.
    pub async fn fresh(&self) -> Result<Snapshot, Status> {
        self.app.store.fresh().await.map_err(read_error)
    }

    /// The entry called `name` in a fresh snapshot, or 404.
    pub async fn entry(&self, name: &str) -> Result<Arc<Entry>, Status> {
        let snapshot = self.fresh().await?;
        snapshot.get(&self.key(name)).cloned().ok_or_else(|| self.not_found(name))
    }

    /// What ends long answers: the end of the server, or of the kind as it is here.
    pub fn life(&self) -> &CancellationToken {
        self.row.hooks.custom().map_or(&self.app.stop, |custom| &custom.life)
    }

    /// Whether nothing is to be kept; which words there are, [`super::options`] has seen to.
    pub fn dry_run(&self) -> bool {
        self.query.get("dryRun").is_some()
    }

    /// Who writes, for `metadata.managedFields`: as the client says, else its program's name.
    pub fn field_manager(&self) -> String {
        if let Some(manager) = self.query.get("fieldManager") {
            return manager.to_string();
        }
        let agent = self.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or("");
        let program = agent.split('/').next().unwrap_or("");
        let program: String = program.chars().filter(|c| !c.is_control()).take(128).collect();
        if program.is_empty() { "unknown".to_string() } else { program }
    }
}

/// A namespaced kind is named inside a namespace; a collection of it may be asked for across all of them.
fn fits_scope(row: &Row, info: &RequestInfo) -> bool {
    if row.kind.namespaced {
        !info.namespace.is_empty() || (info.name.is_empty() && info.verb != "create")
    } else {
        info.namespace.is_empty() || info.resource == "namespaces"
    }
}

fn storage_row(table: &Table, row: &Arc<Row>) -> Result<Arc<Row>, Status> {
    // Custom resources differ between versions by `apiVersion` alone: each version reads and writes what is stored.
    if !row.converts() || row.hooks.custom().is_some() {
        return Ok(row.clone());
    }
    let stored = &row.storage;
    let keeps = table.by_plural(&stored.group, &row.storage_version, &stored.resource).filter(|row| !row.converts());
    keeps.cloned().ok_or_else(|| Status::internal(format!("no kind keeps {stored}")))
}

/// The schema of a kind.
pub fn schema(row: &Row) -> Result<&Schema, Status> {
    if let Some(custom) = row.hooks.custom() {
        return Ok(custom.schema());
    }
    let definition = &row.kind.definition;
    Schema::of(definition).ok_or_else(|| Status::internal(format!("no schema is known for {definition}")))
}

/// A `resourceVersion` of a query: `None` for unset, `Some(0)` for any.
pub fn parse_revision(text: Option<&str>) -> Result<Option<Revision>, Status> {
    let Some(text) = text else { return Ok(None) };
    match text.parse::<u64>() {
        Ok(number) => Ok(Some(Revision(number))),
        Err(_) => Err(Status::bad_request(format!("resourceVersion: Invalid value: {text:?}: must be a number"))),
    }
}
