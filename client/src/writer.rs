//! All writes of a controller, each of which remembers the revision that it made.

use std::{future::Future, time::Duration};

use http::header::{ACCEPT, HeaderValue};
use kube::{
    Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::object::{Meta, Object, ObjectKey, Resource, Revision};

/// Writes through one client under one field manager.
///
/// The runner gives each reconcile one of its own and asks it afterwards what was written, so that the key
/// waits until its watches have come so far.
pub struct Writer {
    client: Client,
    manager: String,
    written: Mutex<Vec<(Resource, Revision)>>,
    /// Where something was created, or not: the answer never came.
    unknown: Mutex<Vec<(Resource, Option<String>)>>,
}

type Request = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

/// What is wanted of an answer.
const WHOLE: &str = "application/json";
/// A server that has no metadata alone may send all of it.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json";

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    /// Absent in a `Status`.
    #[serde(default)]
    metadata: Meta,
}

impl Writer {
    /// `manager` is the field manager under which the fields are owned (at most 128 characters).
    pub fn new(client: Client, manager: impl Into<String>) -> Writer {
        Writer { client, manager: manager.into(), written: Mutex::default(), unknown: Mutex::default() }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What was written so far and not yet asked for, with the resulting revisions.
    pub fn take_written(&self) -> Vec<(Resource, Revision)> {
        std::mem::take(&mut *self.written.lock())
    }

    fn record(&self, resource: &Resource, revision: Revision) {
        let mut written = self.written.lock();
        match written.iter_mut().find(|(known, _)| known == resource) {
            Some((_, newest)) => *newest = revision.max(*newest),
            None => written.push((resource.clone(), revision)),
        }
    }

    /// Reads an object from the server itself, for what a copy is too old to decide.
    pub async fn read<T: Object>(&self, key: &ObjectKey) -> Result<Option<T>, kube::Error> {
        match self.send(request(&T::RESOURCE, key.namespace()).get(&key.name, &Default::default())).await {
            Ok(found) => Ok(Some(found)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object from its complete JSON form. Of the answer only the metadata is sent and read.
    pub async fn create<T: Object>(
        &self,
        namespace: Option<&str>,
        object: &impl Serialize,
    ) -> Result<Meta, kube::Error> {
        let answer: Answer = self.create_as::<T, _>(namespace, object, METADATA).await?;
        self.record(&T::RESOURCE, answer.metadata.resource_version);
        Ok(answer.metadata)
    }

    /// The same, for who reads what became of it.
    pub async fn create_whole<T: Object>(
        &self,
        namespace: Option<&str>,
        object: &impl Serialize,
    ) -> Result<T, kube::Error> {
        let created: T = self.create_as::<T, T>(namespace, object, WHOLE).await?;
        self.record(&T::RESOURCE, created.meta().resource_version);
        Ok(created)
    }

    async fn create_as<T: Object, A: DeserializeOwned>(
        &self,
        namespace: Option<&str>,
        object: &impl Serialize,
        accept: &'static str,
    ) -> Result<A, kube::Error> {
        let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
        let params = PostParams { field_manager: Some(self.manager.clone()), ..Default::default() };
        let created = self.send_for(accept, request(&T::RESOURCE, namespace).create(&params, body)).await;
        if created.as_ref().is_err_and(|error| !is_refusal(error)) {
            self.unknown.lock().push((T::RESOURCE, namespace.map(str::to_string)));
        }
        created
    }

    /// Finds out up to where the watches must come before they show what became of creations whose answer
    /// never came: to the newest object that is there now. Tries until the server answers.
    pub async fn settle(&self) {
        let mut unknown = std::mem::take(&mut *self.unknown.lock());
        unknown.sort();
        unknown.dedup();
        for (resource, namespace) in unknown {
            let mut failures = 0;
            let newest = loop {
                match self.newest(&resource, namespace.as_deref()).await {
                    Ok(newest) => break newest,
                    Err(error) if is_refusal(&error) => break Revision(0),
                    Err(_) => {
                        failures += 1;
                        sleep(Backoff::CALLS.jittered(failures)).await;
                    }
                }
            };
            self.record(&resource, newest);
        }
    }

    async fn newest(&self, resource: &Resource, namespace: Option<&str>) -> Result<Revision, kube::Error> {
        let list: List = self.send(request(resource, namespace).list_metadata(&ListParams::default())).await?;
        Ok(list.items.iter().map(|item| item.metadata.resource_version).max().unwrap_or_default())
    }

    /// Creates what hangs below an object, such as a pod's `binding`. Returns nothing: some answer a `Status`.
    pub async fn create_subresource(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        subresource: &str,
        body: &impl Serialize,
    ) -> Result<(), kube::Error> {
        let body = serde_json::to_vec(body).map_err(kube::Error::SerdeError)?;
        let params = PostParams { field_manager: Some(self.manager.clone()), ..Default::default() };
        let request = request(resource, key.namespace());
        let request = request.create_subresource(subresource, &key.name, &params, body);
        let _answer: Value = self.send(request).await?;
        Ok(())
    }

    /// Patches an object of a kind that is known here. Of the answer only the metadata is sent and read.
    pub async fn patch<T: Object>(&self, key: &ObjectKey, patch: &Patch<Value>) -> Result<Meta, kube::Error> {
        self.patch_any(&T::RESOURCE, key, patch).await
    }

    /// The same, for who reads what became of it.
    pub async fn patch_whole<T: Object>(&self, key: &ObjectKey, patch: &Patch<Value>) -> Result<T, kube::Error> {
        let patched: T = self.patch_raw(&T::RESOURCE, key, None, patch, WHOLE).await?;
        self.record(&T::RESOURCE, patched.meta().resource_version);
        Ok(patched)
    }

    /// Patches `/status`.
    pub async fn patch_status<T: Object>(&self, key: &ObjectKey, patch: &Patch<Value>) -> Result<Meta, kube::Error> {
        self.patch_subresource::<T>(key, "status", patch).await
    }

    /// Patches what hangs below an object and answers with the whole of it, such as a request's `approval`.
    pub async fn patch_subresource<T: Object>(
        &self,
        key: &ObjectKey,
        subresource: &str,
        patch: &Patch<Value>,
    ) -> Result<Meta, kube::Error> {
        let answer: Answer = self.patch_raw(&T::RESOURCE, key, Some(subresource), patch, METADATA).await?;
        self.record(&T::RESOURCE, answer.metadata.resource_version);
        Ok(answer.metadata)
    }

    /// Patches an object of any kind.
    pub async fn patch_any(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        patch: &Patch<Value>,
    ) -> Result<Meta, kube::Error> {
        let answer: Answer = self.patch_raw(resource, key, None, patch, METADATA).await?;
        self.record(resource, answer.metadata.resource_version);
        Ok(answer.metadata)
    }

    async fn patch_raw<A: DeserializeOwned>(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        subresource: Option<&str>,
        patch: &Patch<Value>,
        accept: &'static str,
    ) -> Result<A, kube::Error> {
        let params = PatchParams { field_manager: Some(self.manager.clone()), ..Default::default() };
        let request = request(resource, key.namespace());
        let request = match subresource {
            Some(subresource) => request.patch_subresource(subresource, &key.name, &params, patch),
            None => request.patch(&key.name, &params, patch),
        };
        self.send_for(accept, request).await
    }

    /// Deletes an object if it still has this uid; that it is gone already is no error.
    pub async fn delete(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        uid: &str,
        params: DeleteParams,
    ) -> Result<(), kube::Error> {
        let params = params.preconditions(Preconditions { uid: Some(uid.into()), resource_version: None });
        match self.delete_if(resource, key, params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other,
        }
    }

    /// Deletes an object under the preconditions that the parameters carry.
    pub async fn delete_if(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        params: DeleteParams,
    ) -> Result<(), kube::Error> {
        let request = request(resource, key.namespace()).delete(&key.name, &params);
        let answer: Answer = self.send_for(METADATA, request).await?;
        self.record(resource, answer.metadata.resource_version);
        Ok(())
    }

    async fn send<A: DeserializeOwned>(&self, request: Request) -> Result<A, kube::Error> {
        in_time(self.client.request(request.map_err(kube::Error::BuildRequest)?)).await
    }

    /// Sends it for an answer that is wanted in another form than the request's own.
    async fn send_for<A: DeserializeOwned>(&self, accept: &'static str, request: Request) -> Result<A, kube::Error> {
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        in_time(self.client.request(request)).await
    }
}

/// The server said no: nothing was written. Anything else leaves that open.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if (400..500).contains(&status.code))
}

/// An answer that takes longer will not come: the connection is dead, or the server stands still.
const ANSWER: Duration = Duration::from_secs(60);

/// Gives up on a call, so that nothing waits for ever on a peer that fell silent.
pub(crate) async fn in_time<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    match timeout(ANSWER, call).await {
        Ok(result) => result,
        Err(_) => Err(kube::Error::Service(format!("the server did not answer within {} s", ANSWER.as_secs()).into())),
    }
}

fn request(resource: &Resource, namespace: Option<&str>) -> kube::core::Request {
    kube::core::Request::new(resource.path(namespace))
}
