use tracemem_sdk::{id::RouteId, policy::Attachment, route::StoredRoute, tenant::Agent};

async fn configures(agent: &Agent, route: &StoredRoute, attachment: &Attachment, id: &RouteId) {
    let _ = agent.put_route(route).await;
    let _ = agent.put_route_json(b"").await;
    let _ = agent.disable_route(id).await;
    let _ = agent.publish_rulebook(b"").await;
    let _ = agent.attach(attachment).await;
    let _ = agent.attach_json(b"").await;
}

fn main() {}
