//! TraceMem SDK.
/// Where a decision stands.
pub mod decision {
    pub mod status;
}
pub mod evidence;
pub mod id;
pub mod json;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
