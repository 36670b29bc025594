//! Calling Slack within what it has asked for: nothing is called while a lane is paused, and what is limited pauses its lane.

use serde_json::Value;

use super::{
    Connection, Slack,
    api::Reply,
    api_error::ApiError,
    lanes::{Lane, Limited},
};

impl Slack {
    /// Calls a method that takes JSON.
    pub(super) async fn call(&self, method: &'static str, body: &Value) -> Result<Reply, ApiError> {
        self.open(method)?;
        let reply = self.api().call(method, body).await;
        self.heard(method, reply)
    }

    /// Calls a method that takes a form.
    pub(super) async fn read(
        &self,
        method: &'static str,
        fields: &[(&str, &str)],
    ) -> Result<Reply, ApiError> {
        self.open(method)?;
        let reply = self.api().read(method, fields).await;
        self.heard(method, reply)
    }

    /// The lane of a method. Limits are per method, workspace and app; a tenant's word for its workspace must not pause another tenant.
    pub(super) fn lane(&self, method: &'static str) -> Lane {
        let Connection { owner, config, .. } = &*self.0;
        Lane {
            owner: owner.clone(),
            team: config.team_id.as_str().into(),
            app: config.app_id.as_deref().map(Into::into),
            method,
        }
    }

    fn open(&self, method: &'static str) -> Result<(), ApiError> {
        let open = self.0.lanes.open(&self.lane(method), self.clock());
        open.map_err(|Limited { wait }| ApiError::Postponed { method, wait })
    }

    fn heard(
        &self,
        method: &'static str,
        reply: Result<Reply, ApiError>,
    ) -> Result<Reply, ApiError> {
        if let Err(ApiError::Limited { retry_after, .. }) = &reply {
            self.0
                .lanes
                .pause(self.lane(method), *retry_after, self.clock());
        }
        reply
    }
}
