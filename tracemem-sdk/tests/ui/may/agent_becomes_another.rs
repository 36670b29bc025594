use tracemem_sdk::{approval::ApproverIdentity, tenant::Tenant};

fn becomes(tenant: &Tenant, person: ApproverIdentity) {
    let _ = tenant.admin(person.clone());
    let _ = tenant.approver(person);
}

fn main() {}
