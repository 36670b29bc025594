use tracemem_sdk::tenant::Approver;

fn overrides(approver: Approver) -> Approver {
    approver.with_override_permission()
}

fn main() {}
