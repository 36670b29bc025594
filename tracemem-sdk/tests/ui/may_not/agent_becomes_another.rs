use tracemem_sdk::{approval::ApproverIdentity, tenant::Agent};

fn becomes(agent: &Agent, person: ApproverIdentity) {
    let _ = agent.tenant();
    let _ = agent.admin(person.clone());
    let _ = agent.approver(person);
    let _ = agent.engine;
}

fn main() {}
