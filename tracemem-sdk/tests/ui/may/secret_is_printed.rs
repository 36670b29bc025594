use tracemem_sdk::secrets::{DataKey, Kek, Secret};

fn printed(secret: Secret, key: DataKey, kek: Kek) -> String {
    format!(
        "{secret:?} {key:?} {kek:?} {:?} {:?}",
        secret.expose_text(),
        key.expose()
    )
}

fn main() {}
