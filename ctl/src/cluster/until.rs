//! Waiting until one object is as it should be, or gone.

use super::objects::{Item, pages};
use super::watch::Watch;
use super::{Session, objects::list_call};
use crate::error::Error;
use crate::select::Selector;
use serde_json::Value;
use std::time::Duration;

/// Looks at the object, `None` while it does not exist, now and after each change, until `check` has an answer.
///
/// No answer within `limit` is `Ok(None)`.
pub async fn until<T>(
    session: &Session,
    item: &Item,
    limit: Option<Duration>,
    check: impl FnMut(Option<&Value>) -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    let wait = follow(session, item, check);
    match limit {
        None => wait.await.map(Some),
        Some(limit) => match tokio::time::timeout(limit, wait).await {
            Ok(answer) => answer.map(Some),
            Err(_) => Ok(None),
        },
    }
}

async fn follow<T>(
    session: &Session,
    item: &Item,
    mut check: impl FnMut(Option<&Value>) -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let selector = Selector { field_selector: Some(format!("metadata.name={}", item.name)), ..Selector::default() };
    let session = &session.in_namespace(&item.namespace);
    loop {
        let (items, revision) = pages(session, &item.resource, &selector).await?;
        if let Some(answer) = check(items.first())? {
            return Ok(answer);
        }
        let mut watch = Watch::new(session, list_call(session, &item.resource, &selector), revision);
        loop {
            let event = match watch.next().await {
                Ok(event) => event,
                // Changes were missed: look again.
                Err(error) if error.reason() == Some("Expired") => break,
                Err(error) => return Err(error),
            };
            let object = (event.kind != "DELETED").then_some(&event.object);
            if let Some(answer) = check(object)? {
                return Ok(answer);
            }
        }
    }
}
