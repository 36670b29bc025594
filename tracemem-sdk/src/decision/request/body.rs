//! Reading the body of a request: the closed top level, and what a decision needs of the open context.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Action, IdempotencyKey, Intent, InvalidRequest, InvalidRequestKind as Kind};
use crate::{
    decision::status::AutomationMode,
    evidence::{digest::Digest, sort_deep},
    id::{AgentId, ApproverId, DecisionId, PolicyId, RouteId},
    policy::forbidden::forbidden_fields,
};

const FIELDS: [&str; 21] = [
    "actor",
    "approval_route_id",
    "approvers",
    "attempts",
    "automation_mode",
    "binding_mode",
    "context",
    "execute_within_seconds",
    "expires_in_seconds",
    "instance",
    "intent",
    "message",
    "metadata",
    "mode",
    "policy_id",
    "question",
    "require_rationale",
    "supersedes",
    "tags",
    "title",
    "version",
];

const BINDING_MODES: [&str; 2] = [
    "direct_declarative_rulebook",
    "trusted_adapter_facts_then_declarative_rulebook",
];

/// A request that holds no mistake.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) key: IdempotencyKey,
    /// The exact bytes that the caller gave, or those of the body that was built in code.
    pub(crate) raw: Arc<[u8]>,
    pub(crate) body: Arc<Value>,
    pub(crate) context: Arc<Map<String, Value>>,
    pub(crate) context_hash: Digest,
    pub(crate) fingerprint: Digest,
    pub(crate) intent: Intent,
    pub(crate) mode: AutomationMode,
    pub(crate) actor: Option<String>,
    pub(crate) question: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) require_rationale: Option<bool>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) approvers: Option<BTreeSet<ApproverId>>,
    pub(crate) route: Option<RouteId>,
    pub(crate) policy: Option<PolicyId>,
    pub(crate) attempts: Option<u32>,
    pub(crate) execute_within: Option<Duration>,
    pub(crate) supersedes: Option<DecisionId>,
    pub(crate) tags: Vec<String>,
}

impl Checked {
    pub(super) fn new(
        key: IdempotencyKey,
        body: Arc<Value>,
        raw: Option<Arc<[u8]>>,
    ) -> Result<Self, InvalidRequest> {
        let fields = body
            .as_object()
            .ok_or_else(|| InvalidRequest::wrong_type("", "a request is a JSON object"))?;
        refuse_foreign_fields(fields)?;
        let reader = Reader { fields };
        reader.check_unread_fields()?;
        let empty = Map::new();
        let context = reader.object("context")?.unwrap_or(&empty);
        let fingerprint = hash("", &body)?;
        let context_hash = match fields.get("context") {
            Some(context) => hash("context", context)?,
            None => Digest::of(b"{}"),
        };
        let raw = match raw {
            Some(raw) => raw,
            // A `Value` has only text keys, so that it always serializes.
            None => serde_json::to_vec(body.as_ref()).unwrap_or_default().into(),
        };
        Ok(Self {
            key,
            raw,
            fingerprint,
            intent: reader.intent(context)?,
            mode: reader.automation_mode()?,
            actor: reader.actor(context)?,
            question: reader.text("question", 3, 4_000)?,
            title: reader.text("title", 1, 200)?,
            message: reader.text("message", 1, 4_000)?,
            require_rationale: reader.flag("require_rationale")?,
            expires_in: reader.seconds("expires_in_seconds")?,
            approvers: reader.approvers()?,
            route: reader.parsed("approval_route_id")?,
            policy: reader.parsed("policy_id")?,
            attempts: reader.attempts()?,
            execute_within: reader.seconds("execute_within_seconds")?,
            supersedes: reader.parsed("supersedes")?,
            tags: reader.texts("tags", 16, 64)?.unwrap_or_default(),
            context: Arc::new(context.clone()),
            context_hash,
            body: Arc::clone(&body),
        })
    }

    /// The action, where the request names a complete target.
    ///
    /// # Errors
    /// [`InvalidRequest`] where a part of the target is no text of 1 to 300 characters.
    pub(crate) fn action(&self, agent: &AgentId) -> Result<Option<Action>, InvalidRequest> {
        let target = Target {
            context: &self.context,
        };
        let parts = [
            target.part("target_system")?,
            target.part("target_object_id")?,
            target.part("mutation")?,
        ];
        let resource_version = target.part("resource_version")?;
        let [Some(target_system), Some(target_object_id), Some(mutation)] = parts else {
            return Ok(None);
        };
        let actor = self.actor_of(agent);
        let parameters_digest = self.context_hash;
        Ok(Some(Action {
            actor,
            target_system,
            target_object_id,
            mutation,
            parameters_digest,
            resource_version,
        }))
    }

    /// Who or what the agent acts for: the agent itself where the request does not say.
    pub(crate) fn actor_of(&self, agent: &AgentId) -> String {
        self.actor.clone().unwrap_or_else(|| agent.to_string())
    }

    /// The action of a guarded execution, which cannot do without a target.
    ///
    /// # Errors
    /// [`InvalidRequest`] that names the part that is missing.
    pub(crate) fn guarded_action(&self, agent: &AgentId) -> Result<Action, InvalidRequest> {
        if let Some(action) = self.action(agent)? {
            return Ok(action);
        }
        let has = |name: &&str| self.context.contains_key(*name);
        let missing = ["target_system", "target_object_id", "mutation"]
            .into_iter()
            .find(|name| !has(name));
        let field = ["context", missing.unwrap_or("target_system")].join(".");
        Err(InvalidRequest::missing(
            &field,
            "a guarded execution names its target and its mutation",
        ))
    }
}

fn hash(path: &str, value: &Value) -> Result<Digest, InvalidRequest> {
    sort_deep::hash(value).map_err(|source| {
        let field = [path, source.path()]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(".");
        InvalidRequest::new(Kind::Json, field, source.to_string())
    })
}

fn refuse_foreign_fields(fields: &Map<String, Value>) -> Result<(), InvalidRequest> {
    let context = fields.get("context");
    let inputs = context.and_then(|context| context.get("inputs"));
    // Where there are no `inputs`, the rules see the whole context.
    let material = match (inputs, context) {
        (Some(inputs), _) => Some(("context.inputs", inputs)),
        (None, Some(context)) => Some(("context", context)),
        (None, None) => None,
    };
    if material.is_some_and(|(_, inputs)| inputs.get("facts").is_some()) {
        let rule = "facts are given by fact providers, not by who asks";
        let field = if inputs.is_some() {
            "context.inputs.facts"
        } else {
            "context.facts"
        };
        return Err(InvalidRequest::new(Kind::ForbiddenMaterial, field, rule));
    }
    let forbidden = forbidden_fields(fields, material);
    if !forbidden.is_empty() {
        return Err(InvalidRequest::forbidden(forbidden));
    }
    match fields
        .keys()
        .find(|field| !FIELDS.contains(&field.as_str()))
    {
        Some(field) if field == "rulebook" => {
            let rule = "a rulebook is published by an administrator and named by `policy_id`";
            Err(InvalidRequest::new(Kind::Unsupported, field, rule))
        }
        Some(field) => Err(InvalidRequest::new(
            Kind::UnknownField,
            field,
            "a request has no such field",
        )),
        None => Ok(()),
    }
}

struct Target<'a> {
    context: &'a Map<String, Value>,
}

impl Target<'_> {
    fn part(&self, name: &str) -> Result<Option<String>, InvalidRequest> {
        let Some(value) = self.context.get(name) else {
            return Ok(None);
        };
        let legal = |text: &&str| (1..=300).contains(&text.chars().count()) && text.trim() == *text;
        let text = value.as_str().filter(legal).ok_or_else(|| {
            let rule = "it is a text of 1 to 300 characters without white space at its ends";
            InvalidRequest::wrong_type(&format!("context.{name}"), rule)
        })?;
        Ok(Some(text.to_owned()))
    }
}

struct Reader<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> Reader<'a> {
    /// Fields that nothing here decides on, but that must not be taken for something else.
    fn check_unread_fields(&self) -> Result<(), InvalidRequest> {
        self.object("metadata")?;
        self.text("instance", 1, 200)?;
        self.text("version", 1, 200)?;
        if let Some(mode) = self.text("mode", 1, 40)? {
            let rule = "`single` and `rulebook` are known; a model's answer is no verdict here";
            if !["single", "rulebook"].contains(&mode.as_str()) {
                return Err(InvalidRequest::new(Kind::Unsupported, "mode", rule));
            }
        }
        let Some(binding) = self.text("binding_mode", 1, 80)? else {
            return Ok(());
        };
        if BINDING_MODES.contains(&binding.as_str()) {
            return Ok(());
        }
        let rule = "only declarative rulebooks bind a verdict, with or without facts of a trusted provider";
        Err(InvalidRequest::new(Kind::Unsupported, "binding_mode", rule))
    }

    fn text(
        &self,
        field: &str,
        least: usize,
        most: usize,
    ) -> Result<Option<String>, InvalidRequest> {
        let Some(value) = self.fields.get(field) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .filter(|text| (least..=most).contains(&text.chars().count()));
        let text = text.ok_or_else(|| {
            InvalidRequest::wrong_type(
                field,
                &format!("it is a text of {least} to {most} characters"),
            )
        })?;
        Ok(Some(text.to_owned()))
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        field: &str,
    ) -> Result<Option<T>, InvalidRequest> {
        let Some(text) = self.text(field, 1, 300)? else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|error: T::Err| InvalidRequest::wrong_type(field, &error.to_string()))
    }

    fn flag(&self, field: &str) -> Result<Option<bool>, InvalidRequest> {
        let Some(value) = self.fields.get(field) else {
            return Ok(None);
        };
        value
            .as_bool()
            .map(Some)
            .ok_or_else(|| InvalidRequest::wrong_type(field, "it is true or false"))
    }

    fn seconds(&self, field: &str) -> Result<Option<Duration>, InvalidRequest> {
        let Some(value) = self.fields.get(field) else {
            return Ok(None);
        };
        let seconds = value
            .as_u64()
            .filter(|seconds| (1..=31_536_000).contains(seconds));
        let rule = "it is a whole number of seconds from 1 to 31536000, a year";
        seconds
            .map(Duration::from_secs)
            .map(Some)
            .ok_or_else(|| InvalidRequest::wrong_type(field, rule))
    }

    fn attempts(&self) -> Result<Option<u32>, InvalidRequest> {
        let Some(value) = self.fields.get("attempts") else {
            return Ok(None);
        };
        let attempts = value
            .as_u64()
            .filter(|attempts| (1..=100).contains(attempts));
        let attempts = attempts.and_then(|attempts| u32::try_from(attempts).ok());
        attempts.map(Some).ok_or_else(|| {
            InvalidRequest::wrong_type("attempts", "it is a whole number from 1 to 100")
        })
    }

    fn object(&self, field: &str) -> Result<Option<&'a Map<String, Value>>, InvalidRequest> {
        let Some(value) = self.fields.get(field) else {
            return Ok(None);
        };
        value
            .as_object()
            .map(Some)
            .ok_or_else(|| InvalidRequest::wrong_type(field, "it is an object"))
    }

    fn texts(
        &self,
        field: &str,
        most: usize,
        longest: usize,
    ) -> Result<Option<Vec<String>>, InvalidRequest> {
        let Some(value) = self.fields.get(field) else {
            return Ok(None);
        };
        let rule = format!("it is a list of at most {most} texts of 1 to {longest} characters");
        let refused = || InvalidRequest::wrong_type(field, &rule);
        let list = value
            .as_array()
            .filter(|list| list.len() <= most)
            .ok_or_else(refused)?;
        let text = |item: &Value| {
            item.as_str()
                .filter(|t| (1..=longest).contains(&t.chars().count()))
                .map(str::to_owned)
        };
        list.iter()
            .map(text)
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(refused)
    }

    fn intent(&self, context: &Map<String, Value>) -> Result<Intent, InvalidRequest> {
        if let Some(intent) = self.parsed("intent")? {
            return Ok(intent);
        }
        let rule = "a request names its `intent`, or a `workflow` in its context";
        let workflow = context
            .get("workflow")
            .ok_or_else(|| InvalidRequest::missing("intent", rule))?;
        let workflow = workflow.as_str().unwrap_or_default().parse::<Intent>();
        workflow.map_err(|error| InvalidRequest::wrong_type("context.workflow", &error.to_string()))
    }

    fn automation_mode(&self) -> Result<AutomationMode, InvalidRequest> {
        let Some(text) = self.text("automation_mode", 1, 40)? else {
            return Ok(AutomationMode::Autonomous);
        };
        let rule = "it is `propose`, `approve`, `override` or `autonomous`";
        AutomationMode::parse(&text)
            .ok_or_else(|| InvalidRequest::wrong_type("automation_mode", rule))
    }

    fn actor(&self, context: &Map<String, Value>) -> Result<Option<String>, InvalidRequest> {
        let stated = self.text("actor", 1, 300)?;
        let inner = Target { context }.part("actor")?;
        match (stated, inner) {
            (Some(stated), Some(inner)) if stated != inner => Err(InvalidRequest::wrong_type(
                "context.actor",
                "it is the same as `actor`",
            )),
            (Some(actor), _) | (None, Some(actor)) => Ok(Some(actor)),
            (None, None) => Ok(None),
        }
    }

    fn approvers(&self) -> Result<Option<BTreeSet<ApproverId>>, InvalidRequest> {
        let Some(texts) = self.texts("approvers", 100, 254)? else {
            return Ok(None);
        };
        let parse = |text: String| text.parse::<ApproverId>();
        let approvers: Result<_, _> = texts.into_iter().map(parse).collect();
        approvers
            .map(Some)
            .map_err(|error| InvalidRequest::wrong_type("approvers", &error.to_string()))
    }
}
