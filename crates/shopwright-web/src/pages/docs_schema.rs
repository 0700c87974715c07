//! JSON Schemas of an OpenAPI 3.1 document as rows for people, and examples made from them.
//!
//! References are followed inside the document only and every walk has a depth limit, so a schema
//! that contains itself is drawn once and ends.

use serde_json::{Map, Value, json};

use super::format;

/// How deep an example is built and references are followed.
const DEPTH_MAX: usize = 8;

/// One field of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// `price`, or `price.amount` one level down; `items[]` marks a list.
    pub path: String,
    /// `string`, `integer or null`, `list of Reason`.
    pub kind: String,
    /// Left out of the body it makes a 422.
    pub required: bool,
    /// What it means.
    pub description: String,
    /// Limits in words: `at most 1,000`, `one of "auto", "shadow"`.
    pub limits: String,
}

/// Follows `$ref` until something else is found. Unknown references give `null`.
pub fn resolve<'a>(spec: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..DEPTH_MAX {
        let Some(pointer) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let found = pointer.strip_prefix('#').and_then(|pointer| spec.pointer(pointer));
        schema = found.unwrap_or(&Value::Null);
    }
    schema
}

/// The fields of a schema and, for those that are objects or lists of objects, theirs.
pub fn field_rows(spec: &Value, schema: &Value) -> Vec<FieldRow> {
    let mut rows = Vec::new();
    let (target, prefix) = object_inside(spec, schema, "");
    push_rows(spec, target, &prefix, true, &mut rows);
    rows
}

fn push_rows(spec: &Value, schema: &Value, prefix: &str, nest: bool, rows: &mut Vec<FieldRow>) {
    for part in all_of(spec, schema) {
        let required: Vec<&str> = list(part, "required").iter().filter_map(Value::as_str).collect();
        let Some(properties) = part.get("properties").and_then(Value::as_object) else { continue };
        for (name, property) in properties {
            let path = format!("{prefix}{name}");
            rows.push(field_row(spec, &path, property, required.contains(&name.as_str())));
            let (inner, inner_prefix) = object_inside(spec, property, &path);
            if nest {
                let dotted =
                    if inner_prefix.is_empty() { format!("{path}.") } else { inner_prefix };
                push_rows(spec, inner, &dotted, false, rows);
            }
        }
    }
}

fn field_row(spec: &Value, path: &str, property: &Value, required: bool) -> FieldRow {
    let resolved = resolve(spec, property);
    let description = text(property, "description").or_else(|| text(resolved, "description"));
    FieldRow {
        path: path.to_owned(),
        kind: kind(spec, property),
        required,
        description: description.unwrap_or_default().to_owned(),
        limits: limits(resolved),
    }
}

/// The object schema that a field leads to: itself, the one non-null choice, or a list's items.
fn object_inside<'a>(spec: &'a Value, schema: &'a Value, path: &str) -> (&'a Value, String) {
    let mut current = resolve(spec, schema);
    let mut prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    for _ in 0..DEPTH_MAX {
        if let Some(only) = only_choice(spec, current) {
            current = resolve(spec, only);
        } else if let Some(items) = current.get("items") {
            let name = prefix.trim_end_matches('.');
            prefix = format!("{name}[].");
            current = resolve(spec, items);
        } else {
            break;
        }
    }
    (current, prefix)
}

/// The schema itself and everything its `allOf` adds.
fn all_of<'a>(spec: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let parts = list(schema, "allOf").iter().map(|part| resolve(spec, part));
    parts.chain([schema]).collect()
}

/// The choices of `oneOf` or `anyOf` other than `null`.
fn choices<'a>(spec: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let of_one = list(schema, "oneOf").iter().chain(list(schema, "anyOf"));
    of_one.filter(|choice| resolve(spec, choice).get("type") != Some(&json!("null"))).collect()
}

fn only_choice<'a>(spec: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    match choices(spec, schema).as_slice() {
        [only] => Some(only),
        _ => match list(schema, "allOf") {
            [only] if schema.get("properties").is_none() => Some(only),
            _ => None,
        },
    }
}

/// The type in words: `string`, `list of Reason`, `Money or null`.
pub fn kind(spec: &Value, schema: &Value) -> String {
    kind_within(spec, schema, DEPTH_MAX)
}

fn kind_within(spec: &Value, schema: &Value, depth: usize) -> String {
    if depth == 0 {
        return "value".to_owned();
    }
    let resolved = resolve(spec, schema);
    if let Some(name) = schema.get("$ref").and_then(Value::as_str)
        && resolved.get("properties").is_some()
    {
        return name.rsplit('/').next().unwrap_or("object").to_owned();
    }
    let of = choices(spec, resolved);
    if !of.is_empty() {
        let mut names: Vec<String> = Vec::new();
        for choice in &of {
            let name = kind_within(spec, choice, depth - 1);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let all = list(resolved, "oneOf").len() + list(resolved, "anyOf").len();
        if all > of.len() {
            names.push("null".to_owned());
        }
        return names.join(" or ");
    }
    let types: Vec<&str> = match resolved.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ if resolved.get("properties").is_some() => vec!["object"],
        _ if only_choice(spec, resolved).is_some() => {
            return only_choice(spec, resolved)
                .map_or_else(String::new, |only| kind_within(spec, only, depth - 1));
        }
        _ => vec!["any value"],
    };
    let names = types.into_iter().map(|name| match name {
        "array" => match resolved.get("items") {
            Some(items) => format!("list of {}", kind_within(spec, items, depth - 1)),
            None => "list".to_owned(),
        },
        "string" => match text(resolved, "format") {
            Some("date-time") => "time".to_owned(),
            _ => "string".to_owned(),
        },
        other => other.to_owned(),
    });
    names.collect::<Vec<_>>().join(" or ")
}

/// A limit as text; whole numbers get separators.
fn given(schema: &Value, key: &str) -> Option<String> {
    match schema.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.as_i64().map_or_else(|| other.to_string(), format::count)),
    }
}

fn limits(schema: &Value) -> String {
    let mut words: Vec<String> = Vec::new();
    let choices: Vec<String> = list(schema, "enum").iter().map(Value::to_string).collect();
    if !choices.is_empty() {
        words.push(format!("one of {}", choices.join(", ")));
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        match (given(schema, least), given(schema, most)) {
            (Some(least), Some(most)) => words.push(format!("{least} to {most}{unit}")),
            (Some(least), None) => words.push(format!("at least {least}{unit}")),
            (None, Some(most)) => words.push(format!("at most {most}{unit}")),
            (None, None) => {}
        }
    }
    for (key, word) in [
        ("exclusiveMinimum", "more than"),
        ("exclusiveMaximum", "less than"),
        ("const", "always"),
        ("pattern", "matches"),
        ("default", "default"),
    ] {
        words.extend(given(schema, key).map(|value| format!("{word} {value}")));
    }
    words.join(" · ")
}

/// An example body: the document's own where it has one, else made from the types.
pub fn example(spec: &Value, schema: &Value) -> Value {
    example_within(spec, schema, DEPTH_MAX)
}

fn example_within(spec: &Value, schema: &Value, depth: usize) -> Value {
    let resolved = resolve(spec, schema);
    let given = [schema, resolved].into_iter().find_map(given_example);
    if let Some(given) = given {
        return given.clone();
    }
    if depth == 0 {
        return Value::Null;
    }
    if let Some(first) = choices(spec, resolved).first() {
        return example_within(spec, first, depth - 1);
    }
    let mut object = Map::new();
    for part in all_of(spec, resolved) {
        for (name, property) in
            part.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            object.insert(name.clone(), example_within(spec, property, depth - 1));
        }
    }
    if !object.is_empty() {
        return Value::Object(object);
    }
    let first_type = match resolved.get("type") {
        Some(Value::Array(many)) => many.first().and_then(Value::as_str),
        Some(other) => other.as_str(),
        None => None,
    };
    match (first_type, text(resolved, "format")) {
        (Some("array"), _) => resolved
            .get("items")
            .map_or_else(|| json!([]), |items| json!([example_within(spec, items, depth - 1)])),
        (Some("integer" | "number"), _) => resolved.get("minimum").cloned().unwrap_or(json!(1)),
        (Some("boolean"), _) => json!(true),
        (Some("string"), Some("date-time")) => json!("2011-12-09T12:50:00Z"),
        (Some("string"), Some("date")) => json!("2011-12-09"),
        (Some("string"), _) => json!("…"),
        (Some("object"), _) => json!({}),
        _ => Value::Null,
    }
}

fn given_example(schema: &Value) -> Option<&Value> {
    schema
        .get("example")
        .or_else(|| list(schema, "examples").first())
        .or_else(|| schema.get("const"))
        .or_else(|| schema.get("default").filter(|value| !value.is_null()))
        .or_else(|| list(schema, "enum").first())
}

/// The text under a key.
pub fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The list under a key; empty when there is none.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Value {
        json!({"components": {"schemas": {
            "Money": {"type": "object", "required": ["amount"], "properties": {
                "amount": {"type": "integer", "description": "Minor units.", "example": 1299},
                "currency": {"type": "string", "enum": ["EUR", "GBP"]}}},
            "Order": {"type": "object", "required": ["total"], "properties": {
                "total": {"$ref": "#/components/schemas/Money"},
                "note": {"type": ["string", "null"], "maxLength": 500},
                "refund": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Money"}]},
                "lines": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/Line"}}}},
            "Line": {"type": "object", "properties": {
                "units": {"type": "integer", "minimum": 1},
                "parent": {"$ref": "#/components/schemas/Line"}}}
        }}})
    }

    #[test]
    fn fields_are_listed_with_one_level_of_their_own() {
        let spec = spec();
        let rows = field_rows(&spec, &json!({"$ref": "#/components/schemas/Order"}));
        let lines: Vec<String> =
            rows.iter().map(|row| format!("{} {} {}", row.path, row.kind, row.limits)).collect();
        assert_eq!(
            lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>(),
            [
                "lines list of Line at most 100 items",
                "lines[].parent Line",
                "lines[].units integer at least 1",
                "note string or null at most 500 characters",
                "refund Money or null",
                "refund.amount integer",
                "refund.currency string one of \"EUR\", \"GBP\"",
                "total Money",
                "total.amount integer",
                "total.currency string one of \"EUR\", \"GBP\"",
            ]
        );
        assert!(rows.iter().any(|row| row.path == "total" && row.required));
    }

    #[test]
    fn an_example_is_made_from_the_types_and_ends() {
        let made = example(&spec(), &json!({"$ref": "#/components/schemas/Order"}));
        assert_eq!(made["total"], json!({"amount": 1299, "currency": "EUR"}));
        assert_eq!(made["lines"][0]["units"], json!(1));
        let endless = json!({"components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}});
        example(&endless, &json!({"$ref": "#/components/schemas/A"}));
        field_rows(&endless, &json!({"$ref": "#/components/schemas/A"}));
        assert_eq!(kind(&endless, &json!({"$ref": "#/nowhere"})), "any value");
    }
}
