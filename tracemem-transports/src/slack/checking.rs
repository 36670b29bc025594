//! Testing the connection: that the token is of the workspace and the app that the configuration names, may post, and sees the default
//! channel. It shows nothing to anybody, and what the app has no scope to look at is not held against it.
//!
//! Whether clicks arrive and are signed with the secret we know can only be seen by a click.

use serde_json::json;
use tracemem_sdk::integration::{DeliveryError, DeliveryErrorKind};

use super::{
    Slack,
    api::Reply,
    api_error::ApiError,
    resolving::{id_of, is_channel_id, is_user_id},
};

/// Tests the connection.
pub(super) async fn check(slack: &Slack) -> Result<(), DeliveryError> {
    let me = slack.call("auth.test", &json!({})).await.map_err(refused)?;
    workspace(slack, &me)?;
    app(slack, &me).await?;
    let scopes = Scopes::of(&me);
    scopes.post()?;
    channel(slack, &scopes).await
}

fn refused(error: ApiError) -> DeliveryError {
    error.into_delivery(1)
}

fn credentials(what: &str) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Credentials, what)
}

fn destination(what: &str) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Destination, what)
}

fn workspace(slack: &Slack, me: &Reply) -> Result<(), DeliveryError> {
    let config = slack.config();
    if me.text("/team_id") != Some(config.team_id.as_str()) {
        return Err(credentials(
            "the bot token is of another workspace than `workspace_id`",
        ));
    }
    match (&config.enterprise_id, me.text("/enterprise_id")) {
        (Some(ours), Some(its)) if ours == its => Ok(()),
        (Some(_), _) => Err(credentials(
            "the bot token is of another organisation than `enterprise_id`",
        )),
        (None, _) => Ok(()),
    }
}

/// Slack tells the app of a bot, if the token may look at users; of itself it does not tell it.
async fn app(slack: &Slack, me: &Reply) -> Result<(), DeliveryError> {
    let Some(ours) = slack.config().app_id.as_deref() else {
        return Ok(());
    };
    let told = match (me.text("/app_id"), me.text("/bot_id")) {
        (Some(app), _) => Some(app.to_owned()),
        (None, Some(bot)) => match slack.read("bots.info", &[("bot", bot)]).await {
            Ok(bot) => bot.text("/bot/app_id").map(str::to_owned),
            Err(error) if error.is_missing_scope() => None,
            Err(error) => return Err(refused(error)),
        },
        (None, None) => None,
    };
    match told {
        Some(app) if app != ours => {
            Err(credentials("the bot token is of another app than `app_id`"))
        }
        Some(_) | None => Ok(()),
    }
}

/// What the token may do; `None` where Slack did not say.
struct Scopes(Option<Vec<String>>);

impl Scopes {
    fn of(me: &Reply) -> Self {
        let split = |scopes: &String| {
            scopes
                .split(',')
                .map(|scope| scope.trim().to_owned())
                .collect()
        };
        Self(me.scopes.as_ref().map(split))
    }

    /// Whether the scope is there; `None` where nobody knows.
    fn has(&self, scope: &str) -> Option<bool> {
        self.0
            .as_ref()
            .map(|scopes| scopes.iter().any(|its| its == scope))
    }

    fn post(&self) -> Result<(), DeliveryError> {
        match self.has("chat:write") {
            Some(false) => Err(credentials("the bot token lacks the scope `chat:write`")),
            Some(true) | None => Ok(()),
        }
    }
}

async fn channel(slack: &Slack, scopes: &Scopes) -> Result<(), DeliveryError> {
    let Some(channel) = &slack.config().default_channel else {
        return Ok(());
    };
    let name = channel.strip_prefix('#').unwrap_or(channel);
    if is_user_id(name) {
        return Ok(());
    }
    let id = if is_channel_id(name) {
        Ok(Some(name.to_owned()))
    } else {
        id_of(slack, name).await
    };
    let id = match id {
        Ok(Some(id)) => id,
        Ok(None) => {
            return Err(destination(
                "no channel that the app can see has the name of the default channel; invite the app",
            ));
        }
        Err(error) if error.is_missing_scope() => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    match slack
        .read("conversations.info", &[("channel", id.as_str())])
        .await
    {
        Ok(info) => open(slack, scopes, &info),
        Err(error) if error.is_missing_scope() => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

fn open(slack: &Slack, scopes: &Scopes, info: &Reply) -> Result<(), DeliveryError> {
    let is = |flag: &str| {
        info.body
            .pointer(&format!("/channel/{flag}"))
            .and_then(serde_json::Value::as_bool)
    };
    if is("is_archived") == Some(true) {
        return Err(destination("the default channel is archived"));
    }
    // Conversations with one person have no members to speak of.
    let open_to_all =
        is("is_private") != Some(true) && scopes.has("chat:write.public") != Some(false);
    if is("is_member") == Some(false) && is("is_im") != Some(true) && !open_to_all {
        return Err(destination(
            "the app is no member of the default channel; invite it",
        ));
    }
    if is("is_ext_shared") == Some(true) && slack.config().allowed_teams.is_empty() {
        let what = "the default channel is shared with other organisations, who would see requests; name them in `allowed_teams`, or take another channel";
        return Err(destination(what));
    }
    Ok(())
}
