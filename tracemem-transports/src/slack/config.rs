//! The configuration of a Slack integration: which workspace, where requests go, and how people answer.
//!
//! It holds no secret. Where Slack is called is no part of it: that is the host's to say, or a tenant could have us call anybody.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tracemem_sdk::{
    id::{ApproverId, InvalidId},
    integration::InvalidConfiguration,
};

/// The most workspaces of others whose people may answer.
const MAX_ALLOWED_TEAMS: usize = 100;

const FIELDS: [&str; 10] = [
    "workspace_id",
    "team_id",
    "app_id",
    "enterprise_id",
    "default_channel",
    "mode",
    "allowed_teams",
    "approver_ids",
    "rationale_input",
    "app",
];

/// Whether people answer in Slack. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SlackMode {
    /// Messages have buttons: `interactive`.
    #[default]
    Interactive,
    /// Messages only tell that somebody is asked, who answers elsewhere: `notify_only`.
    NotifyOnly,
}

/// Where people write why. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RationaleInput {
    /// In a window that opens when they click: `modal`.
    #[default]
    Modal,
    /// In a field of the message itself, which needs no window to open in time: `in_message`.
    InMessage,
}

/// What the ids in lists of approvers look like. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ApproverIds {
    /// The user's id, such as `U024BE7LH`: `user`.
    #[default]
    User,
    /// The ids of workspace and user, such as `T024BE7LD:U024BE7LH`: `team_and_user`.
    TeamAndUser,
}

/// Which workspace, where requests go, and how people answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlackConfig {
    /// The id of the workspace, such as `T024BE7LD`. Clicks of another are refused, and so is a token of another when the connection is tested.
    pub team_id: String,
    /// The id of the Slack app, such as `A024BE7LJ`; where it is given, clicks on another app's messages are refused.
    pub app_id: Option<String>,
    /// The id of the Enterprise organisation, such as `E024BE7LD`; where it is given, clicks of another are refused.
    pub enterprise_id: Option<String>,
    /// Where a request goes whose route names no channel: a channel's id or name.
    pub default_channel: Option<String>,
    /// Whether people answer in Slack.
    pub mode: SlackMode,
    /// The workspaces of others, in channels shared by Slack Connect, whose people may answer. Nobody's unless they are named.
    pub allowed_teams: BTreeSet<String>,
    /// What the ids in lists of approvers look like.
    pub approver_ids: ApproverIds,
    /// Where people write why.
    pub rationale_input: RationaleInput,
    /// The host's Slack app whose signing secret clicks are proved with, by the name that [`SlackKind::app`](super::SlackKind::app) gave it;
    /// `None` where the integration has a signing secret of its own.
    pub app: Option<String>,
}

impl SlackConfig {
    /// Of this workspace, with buttons, and everything else left out.
    ///
    /// # Errors
    /// [`InvalidConfiguration`] where it is no id of a workspace.
    pub fn new(team_id: &str) -> Result<Self, InvalidConfiguration> {
        Ok(Self {
            team_id: slack_id("workspace_id", "T", team_id)?,
            app_id: None,
            enterprise_id: None,
            default_channel: None,
            mode: SlackMode::default(),
            allowed_teams: BTreeSet::new(),
            approver_ids: ApproverIds::default(),
            rationale_input: RationaleInput::default(),
            app: None,
        })
    }

    /// Reads the JSON form: `workspace_id` (or `team_id`), and of `app_id`, `enterprise_id`, `default_channel`, `mode`, `allowed_teams`,
    /// `approver_ids`, `rationale_input` and `app` what is wanted. `null` is the same as a field that is left out.
    ///
    /// # Errors
    /// [`InvalidConfiguration`], which names the field and the rule.
    pub fn parse(configuration: &Map<String, Value>) -> Result<Self, InvalidConfiguration> {
        let unknown = configuration
            .keys()
            .find(|field| !FIELDS.contains(&field.as_str()));
        if unknown.is_some() {
            // Its name is not repeated: whoever mixes up fields and values writes a token there.
            let rule = format!(
                "the fields are {}",
                FIELDS.map(|field| format!("`{field}`")).join(", ")
            );
            return Err(InvalidConfiguration::new("configuration", rule));
        }
        let team = match (
            text(configuration, "workspace_id")?,
            text(configuration, "team_id")?,
        ) {
            (Some(team), None) | (None, Some(team)) => team,
            (Some(one), Some(other)) if one == other => one,
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "team_id",
                    "it is another word for `workspace_id`; give one of them",
                ));
            }
            (None, None) => return Err(invalid("workspace_id", "it must be given")),
        };
        let config = Self {
            app_id: optional_id(configuration, "app_id", "A")?,
            enterprise_id: optional_id(configuration, "enterprise_id", "E")?,
            default_channel: channel(configuration)?,
            mode: choice(
                configuration,
                "mode",
                [
                    ("interactive", SlackMode::Interactive),
                    ("notify_only", SlackMode::NotifyOnly),
                ],
            )?,
            allowed_teams: allowed_teams(configuration)?,
            approver_ids: choice(
                configuration,
                "approver_ids",
                [
                    ("user", ApproverIds::User),
                    ("team_and_user", ApproverIds::TeamAndUser),
                ],
            )?,
            rationale_input: choice(
                configuration,
                "rationale_input",
                [
                    ("modal", RationaleInput::Modal),
                    ("in_message", RationaleInput::InMessage),
                ],
            )?,
            app: app(configuration)?,
            ..Self::new(team)?
        };
        config.check()?;
        Ok(config)
    }

    /// What the fields must be together, and each where a host has set it.
    pub(super) fn check(&self) -> Result<(), InvalidConfiguration> {
        slack_id("workspace_id", "T", &self.team_id)?;
        if let Some(id) = &self.app_id {
            slack_id("app_id", "A", id)?;
        }
        if let Some(id) = &self.enterprise_id {
            slack_id("enterprise_id", "E", id)?;
        }
        if self
            .default_channel
            .as_deref()
            .is_some_and(|channel| !is_channel(channel))
        {
            return Err(invalid("default_channel", CHANNEL));
        }
        for team in &self.allowed_teams {
            slack_id("allowed_teams", "TE", team)?;
        }
        if !self.allowed_teams.is_empty() && self.approver_ids == ApproverIds::User {
            let rule = "it is `team_and_user` where people of other workspaces may answer, so that nobody's id is taken for another's";
            return Err(invalid("approver_ids", rule));
        }
        Ok(())
    }

    /// The id that lists of approvers have for this user of this workspace.
    pub(crate) fn approver(&self, team: &str, user: &str) -> Result<ApproverId, InvalidId> {
        match self.approver_ids {
            ApproverIds::User => user.parse(),
            ApproverIds::TeamAndUser => format!("{team}:{user}").parse(),
        }
    }
}

const CHANNEL: &str = "it is the id or the name of a channel, without white space or control characters, at most 80 characters";

/// Whether this may be the name of a channel or its id. Slack's names have at most 80 characters, of any script.
pub(super) fn is_channel(text: &str) -> bool {
    let name = text.strip_prefix('#').unwrap_or(text);
    let legal = |c: char| !c.is_whitespace() && !c.is_control();
    (1..=80).contains(&name.chars().count()) && name.chars().all(legal)
}

fn invalid(field: &str, rule: &str) -> InvalidConfiguration {
    InvalidConfiguration::new(field, rule)
}

fn text<'a>(
    configuration: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a str>, InvalidConfiguration> {
    match configuration.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(field, "it is a string")),
    }
}

/// An id of Slack's: a letter for what it is, then 1 to 31 of `A-Z 0-9`.
fn slack_id(field: &str, letters: &str, id: &str) -> Result<String, InvalidConfiguration> {
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let ours = (2..=32).contains(&id.len())
        && id.starts_with(|c| letters.contains(c))
        && id.bytes().all(legal);
    if !ours {
        let letters: Vec<String> = letters
            .chars()
            .map(|letter| format!("`{letter}`"))
            .collect();
        let rule = format!("an id is {} and 1 to 31 of `A-Z 0-9`", letters.join(" or "));
        return Err(InvalidConfiguration::new(field, rule));
    }
    Ok(id.to_owned())
}

fn optional_id(
    configuration: &Map<String, Value>,
    field: &str,
    letters: &str,
) -> Result<Option<String>, InvalidConfiguration> {
    let id = text(configuration, field)?;
    id.map(|id| slack_id(field, letters, id)).transpose()
}

fn channel(configuration: &Map<String, Value>) -> Result<Option<String>, InvalidConfiguration> {
    // The product's form leaves an empty text where nobody filled it in.
    let channel = text(configuration, "default_channel")?.filter(|channel| !channel.is_empty());
    Ok(channel.map(str::to_owned))
}

fn choice<T: Copy + Default>(
    configuration: &Map<String, Value>,
    field: &str,
    choices: [(&str, T); 2],
) -> Result<T, InvalidConfiguration> {
    let Some(word) = text(configuration, field)? else {
        return Ok(T::default());
    };
    let found = choices.iter().find(|(name, _)| *name == word);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let [one, other] = choices.map(|(name, _)| name);
        InvalidConfiguration::new(field, format!("it is `{one}` or `{other}`"))
    })
}

fn allowed_teams(
    configuration: &Map<String, Value>,
) -> Result<BTreeSet<String>, InvalidConfiguration> {
    const FIELD: &str = "allowed_teams";
    let teams = match configuration.get(FIELD) {
        None | Some(Value::Null) => return Ok(BTreeSet::new()),
        Some(Value::Array(teams)) if teams.len() <= MAX_ALLOWED_TEAMS => teams,
        Some(_) => return Err(invalid(FIELD, "it is a list of at most 100 ids")),
    };
    let team = |team: &Value| slack_id(FIELD, "TE", team.as_str().unwrap_or_default());
    teams.iter().map(team).collect()
}

fn app(configuration: &Map<String, Value>) -> Result<Option<String>, InvalidConfiguration> {
    let app = text(configuration, "app")?;
    if app.is_some_and(|name| !is_app_name(name)) {
        return Err(invalid("app", APP));
    }
    Ok(app.map(str::to_owned))
}

pub(super) const APP: &str = "it is a name of 1 to 40 characters of `a-z 0-9 _ -`";

/// Whether a host may give one of its apps this name.
pub(super) fn is_app_name(name: &str) -> bool {
    let legal =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=40).contains(&name.len()) && name.bytes().all(legal)
}
