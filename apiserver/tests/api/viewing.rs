//! The viewer's page, and how one signs in to it.

use http::Method;
use serde_json::json;

use super::fixture::{As, Cluster, Protocol};

const CODES: &str = "/timonier/v1/viewer/codes";
const TOKEN: &str = "/timonier/v1/viewer/token";

#[tokio::test]
async fn anyone_may_have_the_page_and_nothing_else() {
    let cluster = Cluster::start().await;
    let nobody = cluster.client(As::Anonymous, Protocol::Http1);
    let page = nobody.get("/ui/").await;
    assert_eq!(page.code, 200);
    let header =
        |name: &str| page.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_string();
    assert!(header("content-security-policy").starts_with("default-src 'none'"), "{:?}", page.headers);
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    let tag = header("etag");
    let again = nobody.send(Method::GET, "/ui/", &[("if-none-match", &tag)], "").await;
    assert_eq!(again.code, 304);
    assert!(again.body.is_empty());
    assert_eq!(nobody.get("/ui").await.code, 308);
    assert_eq!(nobody.get("/ui/../etc/passwd").await.code, 404);
    assert_eq!(nobody.get("/api/v1/pods").await.code, 403);
    assert_eq!(nobody.get("/ui/whoami").await.ok(), json!({"user": null}));
    assert_eq!(cluster.admin().get("/ui/whoami").await.ok(), json!({"user": "admin"}));
}

#[tokio::test]
async fn a_code_is_exchanged_for_the_token_once() {
    let cluster = Cluster::start().await;
    let nobody = cluster.client(As::Anonymous, Protocol::Http1);
    let admin = cluster.client(As::Token("admin-token"), Protocol::Http1);
    let code = admin.post(CODES, &json!({})).await.ok()["code"].clone();
    let asked = json!({"code": code});
    // What another site's form could send is refused, and does not use the code up.
    let form = nobody.send(Method::POST, TOKEN, &[("content-type", "text/plain")], &asked.to_string()).await;
    assert_eq!(form.code, 400);
    assert_eq!(nobody.post(TOKEN, &asked).await.ok(), json!({"token": "admin-token"}));
    assert_eq!(nobody.post(TOKEN, &asked).await.refused().0, 401);
    assert_eq!(nobody.post(TOKEN, &json!({})).await.refused().0, 400);
    assert_eq!(nobody.post(CODES, &json!({})).await.refused().0, 403);
    let by_certificate = cluster.client(As::Certificate("bob", ""), Protocol::Http1);
    assert_eq!(by_certificate.post(CODES, &json!({})).await.refused().0, 400);
}
