//! Tools as models of OpenAI are told of them: declarations in the manner of TypeScript.

use serde_json::{Map, Value};

use crate::decode::json::Raw;

/// How deep the types of arguments are followed.
const MAX_DEPTH: usize = 16;

/// Where declarations go, piece by piece.
type Out<'o> = &'o mut dyn FnMut(&str);

/// Declares tools; `None` when there is one that the server brings, whose words and results are not
/// known.
pub(super) fn declare_all(tools: Raw<'_>, out: Out<'_>) -> Option<()> {
    let offered: Vec<Value> = serde_json::from_str(tools?.get()).ok()?;
    out("namespace functions {\n\n");
    for tool in &offered {
        let function = tool.get("function").unwrap_or(tool);
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function");
        if kind != "function" {
            return None;
        }
        declare(function, out)?;
    }
    out("} // namespace functions");
    Some(())
}

fn declare(function: &Value, out: Out<'_>) -> Option<()> {
    let name = function.get("name")?.as_str()?;
    comment(function, out);
    out("type ");
    out(name);
    let properties = function.get("parameters").and_then(|it| it.get("properties"));
    match properties.and_then(Value::as_object).filter(|properties| !properties.is_empty()) {
        Some(properties) => {
            out(" = (_: {\n");
            fields(properties, function.get("parameters"), MAX_DEPTH, out);
            out("}) => any;\n\n");
        }
        None => out(" = () => any;\n\n"),
    }
    Some(())
}

fn comment(of: &Value, out: Out<'_>) {
    if let Some(description) = of.get("description").and_then(Value::as_str) {
        out("// ");
        out(description);
        out("\n");
    }
}

fn fields(properties: &Map<String, Value>, parent: Option<&Value>, depth: usize, out: Out<'_>) {
    let required = parent.and_then(|parent| parent.get("required")).and_then(Value::as_array);
    for (name, property) in properties {
        comment(property, out);
        out(name);
        let needed = required.is_some_and(|all| all.iter().any(|it| it.as_str() == Some(name)));
        out(if needed { ": " } else { "?: " });
        type_of(property, depth, out);
        out(",\n");
    }
}

fn type_of(property: &Value, depth: usize, out: Out<'_>) {
    let Some(depth) = depth.checked_sub(1) else { return out("any") };
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return union(values, out, |value, out| out(&value.to_string()));
    }
    let choices = ["anyOf", "oneOf"].iter().find_map(|name| property.get(name)?.as_array());
    if let Some(choices) = choices {
        return union(choices, out, |choice, out| type_of(choice, depth, out));
    }
    match property.get("type") {
        Some(Value::Array(kinds)) => {
            union(kinds, out, |kind, out| out(kind.as_str().unwrap_or("any")));
        }
        Some(Value::String(kind)) => match kind.as_str() {
            "integer" => out("number"),
            "array" => {
                match property.get("items") {
                    Some(items) => type_of(items, depth, out),
                    None => out("any"),
                }
                out("[]");
            }
            "object" => match property.get("properties").and_then(Value::as_object) {
                Some(properties) => {
                    out("{\n");
                    fields(properties, Some(property), depth, out);
                    out("}");
                }
                None => out("object"),
            },
            kind => out(kind),
        },
        _ => out("any"),
    }
}

fn union(of: &[Value], out: Out<'_>, each: impl Fn(&Value, Out<'_>)) {
    for (position, one) in of.iter().enumerate() {
        if position > 0 {
            out(" | ");
        }
        each(one, out);
    }
}
