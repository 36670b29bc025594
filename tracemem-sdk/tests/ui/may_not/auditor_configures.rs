use tracemem_sdk::{id::RouteId, policy::Attachment, route::StoredRoute, tenant::Auditor};

async fn configures(auditor: &Auditor, route: &StoredRoute, attachment: &Attachment, id: &RouteId) {
    let _ = auditor.put_route(route).await;
    let _ = auditor.put_route_json(b"").await;
    let _ = auditor.disable_route(id).await;
    let _ = auditor.publish_rulebook(b"").await;
    let _ = auditor.attach(attachment).await;
    let _ = auditor.attach_json(b"").await;
}

fn main() {}
