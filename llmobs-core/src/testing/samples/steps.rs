//! Steps.

use std::collections::BTreeMap;

use serde_json::json;

use super::operation_of;
use crate::record::{
    Agent, Content, Cut, DocumentRef, Failure, Kind, Memory, Outcome, Record, Retrieval, Retrieved,
    StepKind, Tool, Workflow,
};
use crate::semconv::error_type;

/// A step that failed.
pub fn step() -> Record {
    Record {
        step: Some(StepKind::Retrieval),
        name: Some("find_documents".into()),
        total_latency_ms: Some(12.5),
        outcome: Some(Outcome::Failed),
        error: Some(Box::new(Failure { kind: error_type::TIMEOUT.into(), ..Failure::default() })),
        ..operation_of(Kind::Step, 5)
    }
}

/// A step that told everything a step can tell, with all content captured.
pub fn told_step() -> Record {
    Record {
        step: Some(StepKind::Tool),
        name: Some("look_up".into()),
        tool: Some(Box::new(Tool {
            name: Some("search".into()),
            call_id: Some("call_1".into()),
            kind: Some("function".into()),
            ..Tool::default()
        })),
        agent: Some(Box::new(Agent {
            name: Some("support".into()),
            id: Some("agent-1".into()),
            version: Some("2".into()),
            ..Agent::default()
        })),
        workflow: Some(Box::new(Workflow { name: Some("refunds".into()) })),
        retrieved: Some(Box::new(Retrieved {
            count: 3,
            documents: vec![
                DocumentRef { id: Some("kb-7".into()), score: Some(0.875) },
                DocumentRef { id: None, score: Some(0.5) },
            ],
        })),
        items: Some(3),
        attributes: BTreeMap::from([
            ("cache.hit".into(), json!(false)),
            ("filter".into(), json!({"lang": ["en"]})),
            ("top_k".into(), json!(3)),
        ]),
        total_latency_ms: Some(8.5),
        outcome: Some(Outcome::Completed),
        content: Some(Box::new(Content {
            arguments: Some(json!({"question": "refunds?"})),
            result: Some(json!(["within 30 days"])),
            documents: Some(json!([{"id": "kb-7", "score": 0.875, "content": "within 30 days"}])),
            ..Content::default()
        })),
        cut: Some(Box::new(Cut { values: Some(1), attributes: Some(2), ..Cut::default() })),
        ..operation_of(Kind::Step, 6)
    }
}

/// A step that told where it looked and what for, and what its tool and its agent are for: no such
/// step exists, but it has every field that tools, retrievals and memories have beside.
pub fn looked_up() -> Record {
    Record {
        step: Some(StepKind::Retrieval),
        name: Some("search".into()),
        provider: Some("example".into()),
        model: Some("embed-1".into()),
        tool: Some(Box::new(Tool {
            description: Some("Searches the handbook.".into()),
            ..Tool::default()
        })),
        agent: Some(Box::new(Agent {
            name: Some("support".into()),
            description: Some("Answers customers.".into()),
            ..Agent::default()
        })),
        retrieval: Some(Box::new(Retrieval {
            data_source: Some("handbook".into()),
            top_k: Some(3),
        })),
        memory: Some(Box::new(Memory {
            operation: Some("search_memory".into()),
            store_id: Some("notes".into()),
            record_id: Some("note-1".into()),
        })),
        retrieved: Some(Box::new(Retrieved {
            count: 1,
            documents: vec![DocumentRef { id: Some("kb-7".into()), score: Some(0.875) }],
        })),
        total_latency_ms: Some(4.5),
        outcome: Some(Outcome::Completed),
        content: Some(Box::new(Content {
            query: Some(json!("refunds")),
            documents: Some(json!([{"id": "kb-7", "score": 0.875, "content": "within 30 days"}])),
            ..Content::default()
        })),
        ..operation_of(Kind::Step, 7)
    }
}
