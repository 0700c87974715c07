//! The API reference at `/docs`, drawn from the OpenAPI document that the code itself generates.
//!
//! Every operation and every error has a stable anchor: `#<operationId>` and `#error-<code>`. The
//! document is data like any other here: whatever stands in it is escaped.

use maud::{Markup, html};
use serde_json::Value;

use super::docs_schema::{FieldRow, example, field_rows, kind, list, resolve, text};
use super::layout::{Frame, Nav, page};

/// One kind of error of the API, as RFC 9457 names it.
#[derive(Clone, Debug)]
pub struct ProblemDoc {
    /// The code, also the anchor: `unknown-sku`.
    pub code: String,
    /// What it is called.
    pub title: String,
    /// The HTTP status it comes with.
    pub status: u16,
    /// When it comes and what to do then.
    pub detail: String,
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation found in the document.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    /// Parameters of the path come first, then the operation's own.
    parameters: Vec<&'a Value>,
    body: &'a Value,
    id: String,
}

/// The whole page: operations by tag, then the errors.
pub fn docs(frame: &Frame, spec: &Value, problems: &[ProblemDoc]) -> Markup {
    let groups = groups(spec);
    let info = &spec["info"];
    let body = html! {
        div.page-head {
            div {
                h1 { (text(info, "title").unwrap_or("API")) }
                p.lede {
                    "JSON over HTTP. Version " (text(info, "version").unwrap_or("1"))
                    ", described from the code that runs."
                }
            }
            p.actions { a.button href="/openapi.json" { "Open openapi.json" } }
        }
        div.docs {
            nav.docs-nav aria-label="API" { (contents(&groups, problems)) }
            div.docs-main {
                @if let Some(about) = text(info, "description") { section.card { (prose(about)) } }
                @for (tag, about, operations) in &groups {
                    section.docs-group id={ "tag-" (slug(tag)) } {
                        h2 { (tag) }
                        @if let Some(about) = about { (prose(about)) }
                        @for operation in operations { (operation_card(spec, operation)) }
                    }
                }
                (problem_section(problems, "error-"))
            }
        }
    };
    page(frame, "API docs", Nav::Docs, &body)
}

/// The errors alone, for `/docs/errors`: here the anchor is the plain code.
pub fn docs_errors(frame: &Frame, problems: &[ProblemDoc]) -> Markup {
    let body = html! {
        div.page-head {
            div {
                h1 { "Errors of the API" }
                p.lede { "Each answer that is not a success names one of these." }
            }
            p.actions { a.button href="/docs" { "Read the API docs" } }
        }
        (problem_section(problems, ""))
    };
    page(frame, "Errors of the API", Nav::Docs, &body)
}

/// Operations by their first tag, in the document's order of tags; untagged ones last.
fn groups(spec: &Value) -> Vec<(String, Option<&str>, Vec<Operation<'_>>)> {
    let mut groups: Vec<(String, Option<&str>, Vec<Operation<'_>>)> = list(spec, "tags")
        .iter()
        .filter_map(|tag| Some((text(tag, "name")?.to_owned(), text(tag, "description"), vec![])))
        .collect();
    for (path, item) in spec["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let Some(body) = item.get(method) else { continue };
            let tag = list(body, "tags").first().and_then(Value::as_str).unwrap_or("Other");
            let parameters = list(item, "parameters").iter().chain(list(body, "parameters"));
            let operation = Operation {
                method,
                path,
                parameters: parameters.map(|parameter| resolve(spec, parameter)).collect(),
                body,
                id: slug(text(body, "operationId").unwrap_or(&format!("{method} {path}"))),
            };
            match groups.iter_mut().find(|(name, _, _)| name == tag) {
                Some((_, _, operations)) => operations.push(operation),
                None => groups.push((tag.to_owned(), None, vec![operation])),
            }
        }
    }
    groups.retain(|(_, _, operations)| !operations.is_empty());
    // Reading comes before writing; the sort is stable, so paths keep the document's order.
    for (_, _, operations) in &mut groups {
        operations.sort_by_key(|operation| METHODS.iter().position(|m| *m == operation.method));
    }
    groups
}

fn contents(
    groups: &[(String, Option<&str>, Vec<Operation<'_>>)],
    problems: &[ProblemDoc],
) -> Markup {
    html! {
        details open {
            summary { "On this page" }
            @for (tag, _, operations) in groups {
                p.docs-nav-tag { a href={ "#tag-" (slug(tag)) } { (tag) } }
                ul {
                    @for operation in operations {
                        li {
                            a href={ "#" (operation.id) } {
                                (method_mark(operation.method)) (operation_name(operation).0)
                            }
                        }
                    }
                }
            }
            @if !problems.is_empty() { p.docs-nav-tag { a href="#errors" { "Errors" } } }
        }
    }
}

/// The first sentence of the summary, and what else the summary says.
fn operation_name<'a>(operation: &Operation<'a>) -> (&'a str, &'a str) {
    let summary = text(operation.body, "summary")
        .or_else(|| text(operation.body, "description").and_then(|about| about.lines().next()))
        .filter(|name| !name.is_empty())
        .unwrap_or(operation.path);
    let (name, rest) = summary.split_once(". ").unwrap_or((summary, ""));
    (name.trim_end_matches('.'), rest)
}

fn method_mark(method: &str) -> Markup {
    html! { span class={ "method method-" (method) } { (method.to_uppercase()) } }
}

fn operation_card(spec: &Value, operation: &Operation<'_>) -> Markup {
    let about = text(operation.body, "description");
    let about = about.filter(|about| Some(*about) != text(operation.body, "summary"));
    let (name, more) = operation_name(operation);
    html! {
        article.card.operation id=(operation.id) {
            h3 {
                (name)
                a.anchor href={ "#" (operation.id) } aria-label="Link to this operation" { "#" }
            }
            p.endpoint {
                (method_mark(operation.method)) code { (breakable(operation.path)) }
                @if operation.body["deprecated"] == true { span.badge { "deprecated" } }
            }
            (prose(more))
            @if let Some(about) = about { (prose(about)) }
            (parameters(spec, &operation.parameters))
            (request_body(spec, operation))
            (responses(spec, operation))
            details open[operation.method == "get"] {
                summary { "Try it with curl" }
                pre { code { (curl(spec, operation)) } }
            }
        }
    }
}

/// A path that may break after each slash.
fn breakable(path: &str) -> Markup {
    html! { @for part in path.split_inclusive('/') { (part) wbr; } }
}

fn parameters(spec: &Value, parameters: &[&Value]) -> Markup {
    let rows: Vec<FieldRow> = parameters
        .iter()
        .map(|parameter| {
            let place = text(parameter, "in").unwrap_or("query");
            let limits = field_rows(
                spec,
                &serde_json::json!({"properties": {"limits": parameter["schema"]}}),
            );
            let limits = limits.into_iter().next().map(|row| row.limits).unwrap_or_default();
            FieldRow {
                path: text(parameter, "name").unwrap_or_default().to_owned(),
                kind: format!("{}, in {place}", kind(spec, &parameter["schema"])),
                required: parameter["required"] == true,
                description: text(parameter, "description").unwrap_or_default().to_owned(),
                limits,
            }
        })
        .collect();
    html! { @if !rows.is_empty() { h4 { "Parameters" } (field_table(&rows)) } }
}

fn request_body(spec: &Value, operation: &Operation<'_>) -> Markup {
    let body = resolve(spec, &operation.body["requestBody"]);
    html! {
        @for (media, content) in body["content"].as_object().into_iter().flatten() {
            @let rows = field_rows(spec, &content["schema"]);
            h4 { "Request body " span.muted { (media) } }
            @if let Some(about) = text(body, "description") { (prose(about)) }
            @if rows.is_empty() {
                p.muted { (kind(spec, &content["schema"])) }
            } @else {
                (field_table(&rows))
            }
        }
    }
}

fn responses(spec: &Value, operation: &Operation<'_>) -> Markup {
    let responses = operation.body["responses"].as_object();
    html! {
        h4 { "Answers" }
        ul.answers {
            @for (status, response) in responses.into_iter().flatten() {
                @let response = resolve(spec, response);
                @let content = response["content"].as_object().and_then(|all| all.iter().next());
                li {
                    @let family = status.chars().next().unwrap_or('x');
                    p {
                        code class={ "status status-" (family) } { (status) }
                        " " (inline(text(response, "description").unwrap_or_default()))
                    }
                    @if let Some((media, content)) = content {
                        @let rows = answer_rows(spec, &content["schema"]);
                        details {
                            summary { "Fields and example " span.muted { (media) } }
                            @if !rows.is_empty() { (field_table(&rows)) }
                            pre { code { (pretty(&media_example(spec, content))) } }
                        }
                    }
                }
            }
        }
    }
}

/// "Required" tells a caller what to send; of an answer it would say nothing useful.
fn answer_rows(spec: &Value, schema: &Value) -> Vec<FieldRow> {
    let rows = field_rows(spec, schema).into_iter();
    rows.map(|row| FieldRow { required: false, ..row }).collect()
}

fn field_table(rows: &[FieldRow]) -> Markup {
    html! {
        dl.fields {
            @for row in rows {
                div {
                    dt {
                        code { (breakable_dots(&row.path)) }
                        @if row.required { span.required { "required" } }
                        span.kind { (row.kind) }
                    }
                    dd {
                        @if !row.description.is_empty() { (prose(&row.description)) }
                        @if !row.limits.is_empty() { p.muted { (row.limits) } }
                    }
                }
            }
        }
    }
}

fn breakable_dots(path: &str) -> Markup {
    html! { @for part in path.split_inclusive('.') { (part) wbr; } }
}

fn problem_section(problems: &[ProblemDoc], anchor_prefix: &str) -> Markup {
    html! {
        @if !problems.is_empty() {
            section.docs-group #errors {
                h2 { "Errors" }
                p.muted {
                    "Every error is " code { "application/problem+json" } " (RFC 9457); its "
                    code { "type" } " leads to one of these."
                }
                div.card.problems {
                    @for problem in problems {
                        article id={ (anchor_prefix) (slug(&problem.code)) } {
                            h3 { (problem.title) }
                            p.endpoint { code.status { (problem.status) } code { (problem.code) } }
                            (prose(&problem.detail))
                        }
                    }
                }
            }
        }
    }
}

/// A command line that sends the operation's own example.
fn curl(spec: &Value, operation: &Operation<'_>) -> String {
    let mut path = operation.path.to_owned();
    let mut query: Vec<String> = Vec::new();
    let mut headers = vec!["Authorization: Bearer $SHOPWRIGHT_KEY".to_owned()];
    for parameter in &operation.parameters {
        let name = text(parameter, "name").unwrap_or_default();
        let value = parameter.get("example").cloned();
        let value = value.unwrap_or_else(|| example(spec, &parameter["schema"]));
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match text(parameter, "in") {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &value),
            Some("query") if parameter["required"] == true => query.push(format!("{name}={value}")),
            Some("header") if parameter["required"] == true => {
                headers.push(format!("{name}: {value}"));
            }
            _ => {}
        }
    }
    let mark = if query.is_empty() { "" } else { "?" };
    let verb = if operation.method == "get" { "" } else { "-X " };
    let method = if verb.is_empty() {
        String::new()
    } else {
        format!("{verb}{} ", operation.method.to_uppercase())
    };
    let mut command = format!("curl {method}\"$SHOPWRIGHT_URL{path}{mark}{}\"", query.join("&"));
    let body = resolve(spec, &operation.body["requestBody"]);
    let content = body["content"].as_object().and_then(|all| all.iter().next());
    if let Some((media, _)) = content {
        headers.push(format!("Content-Type: {media}"));
    }
    for header in headers {
        command.extend([" \\\n  -H \"", &header, "\""]);
    }
    if let Some((_, content)) = content {
        let body = pretty(&media_example(spec, content)).replace('\'', "'\\''");
        command.extend([" \\\n  -d '", &body, "'"]);
    }
    command
}

fn media_example(spec: &Value, content: &Value) -> Value {
    let named = content["examples"].as_object().and_then(|all| all.values().next());
    let given = content.get("example").or_else(|| named.map(|one| &resolve(spec, one)["value"]));
    given.cloned().unwrap_or_else(|| example(spec, &content["schema"]))
}

fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    }
}

/// Paragraphs, `- ` lists and `code` of a doc comment; nothing else of Markdown is read.
fn prose(text: &str) -> Markup {
    html! {
        @for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
            @if block.lines().all(|line| line.trim_start().starts_with("- ")) {
                ul {
                    @for line in block.lines() {
                        li { (inline(line.trim_start().trim_start_matches("- "))) }
                    }
                }
            } @else {
                p { (inline(block)) }
            }
        }
    }
}

/// Every second piece between backticks is code.
fn inline(text: &str) -> Markup {
    html! {
        @for (index, piece) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

/// Lower-case letters, digits and single dashes: what an anchor is made of.
fn slug(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}
