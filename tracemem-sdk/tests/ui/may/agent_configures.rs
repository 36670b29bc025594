use tracemem_sdk::{id::RouteId, policy::Attachment, route::StoredRoute, tenant::Admin};

async fn configures(admin: &Admin, route: &StoredRoute, attachment: &Attachment, id: &RouteId) {
    let _ = admin.put_route(route).await;
    let _ = admin.put_route_json(b"").await;
    let _ = admin.disable_route(id).await;
    let _ = admin.publish_rulebook(b"").await;
    let _ = admin.attach(attachment).await;
    let _ = admin.attach_json(b"").await;
}

fn main() {}
