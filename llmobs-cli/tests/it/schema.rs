//! The published schema.

use crate::fixtures::answer;
use crate::run::json;

#[test]
fn the_schema_names_its_version() {
    let schema = json(&["schema"]);
    assert_eq!(schema["title"], "llmobs/1");
    assert_eq!(schema["$id"], "urn:llmobs:1");
}

#[test]
fn every_field_that_is_written_is_in_the_schema() {
    let schema = json(&["schema"]);
    let fields = schema["properties"].as_object().expect("a record is an object");
    for record in answer() {
        let line = serde_json::to_value(record).expect("records can be written");
        for field in line.as_object().expect("a record is an object").keys() {
            assert!(fields.contains_key(field), "{field} is not in the schema");
        }
    }
}

#[test]
fn the_schema_lists_no_kind_that_is_never_written() {
    let text = json(&["schema"])["$defs"]["Kind"].to_string();
    assert!(text.contains("interaction") && !text.contains("unknown"), "{text}");
}
