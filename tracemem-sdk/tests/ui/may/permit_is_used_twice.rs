use tracemem_sdk::guard::{Execution, Permit};

fn once(permit: Permit) -> [Execution<()>; 1] {
    [permit.executed("first")]
}

fn main() {}
