use tracemem_sdk::secrets::{CredentialStored, DataKey, Kek, Secret};

fn serialized(stored: CredentialStored, secret: Secret, key: DataKey, kek: Kek) {
    let _ = (secret, key, kek);
    let _ = serde_json::to_string(&stored);
}

fn main() {}
