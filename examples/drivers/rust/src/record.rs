//! The task record and its JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::backend::Key;

/// JSON kept letter by letter. `serde_json::Value` would round long numbers.
pub type Json = Box<RawValue>;
pub type JsonObject = BTreeMap<String, Json>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub task: Task,
    pub owner_id: String,
    pub variables: JsonObject,
    pub result: Json,
    pub request_method: String,
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    pub unknown: JsonObject,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub task_id: String,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_updated_at: DateTime<Utc>,
    pub ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<u64>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    pub meta: Option<JsonObject>,
    #[serde(flatten)]
    pub unknown: JsonObject,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Working,
    InputRequired,
    Completed,
    Failed,
    Cancelled,
}

impl Record {
    /// Reads a record; the error says which member is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let mut members = Members(parse(text, "the JSON")?);
        Ok(Record {
            task: Task::from_members(Members(members.take("task")?))?,
            owner_id: members.take("ownerId")?,
            variables: members.take::<Option<_>>("variables")?.unwrap_or_default(),
            result: members.take("result")?,
            request_method: members.take("requestMethod")?,
            expires_at: members.take("expiresAt")?,
            unknown: members.0,
        })
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("all keys are strings")
    }

    pub fn key(&self) -> Key {
        Key::new(&self.owner_id, &self.task.task_id)
    }
}

impl Task {
    fn from_members(mut members: Members) -> Result<Self, String> {
        Ok(Task {
            task_id: members.take("taskId")?,
            status: members.take("status")?,
            status_message: members.take("statusMessage")?,
            created_at: members.take("createdAt")?,
            last_updated_at: members.take("lastUpdatedAt")?,
            ttl: members.take("ttl")?,
            poll_interval: members.take("pollInterval")?,
            meta: members.take("_meta")?,
            unknown: members.0,
        })
    }
}

/// The members of an object that have not been read yet.
struct Members(JsonObject);

impl Members {
    // By hand, because a derived `Deserialize` cannot flatten raw values.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, String> {
        let member = self.0.remove(name);
        parse(member.as_ref().map_or("null", |json| json.get()), name)
    }
}

fn parse<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, String> {
    // The message of serde's error quotes values, and those are nobody else's business.
    serde_json::from_str(text).map_err(|_| format!("{name} is missing or malformed"))
}
