use tracemem_sdk::secrets::{DataKey, Kek, Secret};

fn printed(secret: Secret, key: DataKey, kek: Kek) -> String {
    format!("{secret} {key} {kek}")
}

fn main() {}
