//! Whether a button or a window of ours may be acted on where it was used, and by whom.
//!
//! It is one that was made for this integration and tenant, in the workspace and the app that the integration is configured for, in a message
//! that was sent for that approval, by a person of that workspace or of one whose people may answer too. Whether that person may answer
//! this approval is left to the sdk.

use tracemem_sdk::{ApprovalView, approval::AnswerError};

use super::{
    answering::Scene,
    click_token::ClickClaims,
    ids::SlackId,
    payload::Who,
    place::{self, Place},
    refusal::Refusal,
};

impl Scene<'_> {
    /// What is asked, if these claims, which we signed, may be acted on here.
    pub(super) async fn admit(
        &self,
        who: &Who,
        claims: &ClickClaims,
        place: &Place,
    ) -> Result<ApprovalView, Refusal> {
        let integration = self.slack.integration_id();
        let owned = self.slack.owner().is_none_or(|owner| owner == self.tenant);
        if claims.tenant != *self.tenant || claims.integration != *integration || !owned {
            tracing::warn!(tenant = %self.tenant, integration = %integration, "a click on the button of another integration or tenant was refused");
            return Err(Refusal::NotOurs);
        }
        if !self.is_of_our_app(who) {
            tracing::warn!(tenant = %self.tenant, integration = %integration, "a click in another workspace or app was refused");
            return Err(Refusal::NotOurs);
        }
        if !self.is_of_our_people(who) {
            return Err(Refusal::OtherOrganisation);
        }
        let view = self
            .tracemem
            .approval(self.tenant, &claims.approval)
            .await
            .map_err(|error| self.refusal(claims, error))?;
        let sent = view.reached.get(integration).map(Vec::as_slice);
        if !place::was_sent_to(
            self.slack,
            sent.unwrap_or_default(),
            &claims.delivery,
            place,
        ) {
            return Err(Refusal::OtherMessage);
        }
        let now = self.tracemem.now();
        if claims.expires_at <= now && now < view.message.expires_at {
            return Err(Refusal::Expired(claims.expires_at));
        }
        Ok(view)
    }

    /// Whether it happened in the workspace, the organisation and the app that the integration is configured for.
    fn is_of_our_app(&self, who: &Who) -> bool {
        let config = self.slack.config();
        let is = |id: Option<&SlackId>, wanted: &String| id.is_some_and(|id| id.as_str() == wanted);
        let enterprise = who.enterprise.as_ref().map(|enterprise| &enterprise.id);
        let app = Some(&who.api_app_id);
        let in_enterprise = config.enterprise_id.as_ref();
        let in_team = match &who.team {
            Some(team) => team.id.as_str() == config.team_id,
            // An app that is installed for a whole organisation is told of no workspace.
            None => in_enterprise.is_some(),
        };
        in_team
            && in_enterprise.is_none_or(|wanted| is(enterprise, wanted))
            && config.app_id.as_ref().is_none_or(|wanted| is(app, wanted))
    }

    /// Whether the person belongs to the workspace, or to one whose people may answer too.
    fn is_of_our_people(&self, who: &Who) -> bool {
        let config = self.slack.config();
        let team = who.user.team_id.as_ref().map(SlackId::as_str);
        team.is_some_and(|team| team == config.team_id || config.allowed_teams.contains(team))
    }

    /// What the person is told of an error, of which the log is told more where it is one of ours.
    pub(super) fn refusal(&self, claims: &ClickClaims, error: AnswerError) -> Refusal {
        let approval = &claims.approval;
        match &error {
            AnswerError::Unwritable(_)
            | AnswerError::NoEntropy(_)
            | AnswerError::Store(_)
            | AnswerError::KeyReused => {
                tracing::warn!(%approval, error = %error, "a click could not be recorded");
            }
            _ => tracing::info!(%approval, error = %error, "a click changed nothing"),
        }
        Refusal::of(error)
    }
}
