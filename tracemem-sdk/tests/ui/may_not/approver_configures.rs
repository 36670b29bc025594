use tracemem_sdk::{id::RouteId, policy::Attachment, route::StoredRoute, tenant::Approver};

async fn configures(approver: &Approver, route: &StoredRoute, attachment: &Attachment, id: &RouteId) {
    let _ = approver.put_route(route).await;
    let _ = approver.put_route_json(b"").await;
    let _ = approver.disable_route(id).await;
    let _ = approver.publish_rulebook(b"").await;
    let _ = approver.attach(attachment).await;
    let _ = approver.attach_json(b"").await;
}

fn main() {}
