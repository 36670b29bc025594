//! An answer that the sdk may count: who it is, and what is known of how they answered.

use tracemem_sdk::{
    approval::{AnswerKey, Answered, ApproverIdentity, VerifiedAnswer},
    decision::event::Choice,
};

use super::{
    answering::Scene, click_token::ClickClaims, ids::SlackId, payload::Who, place::Place,
    refusal::Refusal,
};

/// Who answers what, as it was proved.
pub(super) struct Answering<'a> {
    pub(super) who: &'a Who,
    pub(super) claims: &'a ClickClaims,
    pub(super) place: &'a Place,
    pub(super) choice: Choice,
    pub(super) rationale: Option<&'a str>,
    /// What else Slack said about it.
    pub(super) evidence: Vec<(&'static str, String)>,
}

impl Scene<'_> {
    /// Has the answer counted, once for each signature.
    pub(super) async fn answer(&self, answering: Answering<'_>) -> Result<Answered, Refusal> {
        let Answering {
            who,
            claims,
            place,
            choice,
            rationale,
            evidence,
        } = answering;
        let user = who.user.id.as_str();
        let team = who.user.team_id.as_ref().map_or("", SlackId::as_str);
        let Ok(approver) = self.slack.config().approver(team, user) else {
            return Err(Refusal::NotRecorded);
        };
        let mut identity = ApproverIdentity::new(approver);
        if let Some(name) = who.user.name.as_deref().filter(|name| !name.is_empty()) {
            identity = identity.named(name.chars().take(200).collect::<String>());
        }
        let tenant = self.tenant.clone();
        let mut answer =
            VerifiedAnswer::vouched_for(tenant, claims.approval.clone(), identity, "slack", choice)
                .through(self.slack.integration_id().clone())
                .under_key(AnswerKey::new(
                    ["slack:", &self.signed.id].concat(),
                    self.body,
                ))
                .with_evidence("user_id", user)
                .with_evidence("user_team_id", team)
                .with_evidence("app_id", who.api_app_id.as_str())
                .with_evidence("channel_id", place.channel.as_str())
                .with_evidence("message_ts", place.message.as_str());
        if let Some(team) = &who.team {
            answer = answer.with_evidence("team_id", team.id.as_str());
        }
        if let Some(enterprise) = &who.enterprise {
            answer = answer.with_evidence("enterprise_id", enterprise.id.as_str());
        }
        for (name, value) in evidence {
            answer = answer.with_evidence(name, value);
        }
        if let Some(rationale) = rationale {
            answer = answer.because(rationale);
        }
        let answered = self.tracemem.answer(&answer).await;
        answered.map_err(|error| self.refusal(claims, error))
    }
}
