use tracemem_sdk::{
    guard::{Execution, Permit},
    id::{DecisionId, TenantId},
};

fn forges(tenant: TenantId, decision: DecisionId) -> Permit {
    Permit { tenant, decision }
}

fn makes() -> Permit {
    Permit::default()
}

fn ends() -> Execution<()> {
    Execution { value: () }
}

fn main() {}
