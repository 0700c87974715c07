//! The parts that forms are made of: fields with their labels, hidden tokens, small forms in a row.

use maud::{Markup, html};
use shopwright_domain::identity::Role;

/// The hidden field that shows that a form is ours.
pub fn csrf_field(csrf: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(csrf); }
}

/// A field of one line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field<'a> {
    /// Its name in the form.
    pub name: &'a str,
    /// What stands above it.
    pub label: &'a str,
    /// `text`, `email` or `password`.
    pub kind: &'a str,
    /// What stands in it.
    pub value: &'a str,
    /// What browsers may fill in.
    pub autocomplete: &'a str,
    /// What stands below it; empty for nothing.
    pub hint: &'a str,
    /// Whether it takes the focus.
    pub has_focus: bool,
}

/// The field with its label.
pub fn field(of: Field<'_>) -> Markup {
    let hint_id = format!("{}-hint", of.name);
    let has_hint = !of.hint.is_empty();
    html! {
        label.field-line {
            span.field-label { (of.label) }
            input type=(of.kind) name=(of.name) value=(of.value) required autocomplete=(of.autocomplete)
                autofocus[of.has_focus] autocapitalize="none" spellcheck="false"
                aria-describedby=[has_hint.then_some(hint_id.as_str())];
            @if has_hint { span.field-hint id=(hint_id) { (of.hint) } }
        }
    }
}

/// The field for a new password, with what is asked of it.
pub fn new_password(label: &str) -> Markup {
    field(Field {
        name: "password",
        label,
        kind: "password",
        autocomplete: "new-password",
        hint: "At least 12 characters. A few words in a row are good; no other rules.",
        ..Field::default()
    })
}

/// What went wrong with a form, above it.
pub fn form_error(error: Option<&str>) -> Markup {
    html! {
        @if let Some(error) = error {
            p.form-error role="alert" { (sentence(error)) }
        }
    }
}

/// What a form just did.
pub fn form_notice(notice: Option<&str>) -> Markup {
    html! {
        @if let Some(notice) = notice { div.notice role="status" { p { (notice) } } }
    }
}

/// A message of our own as a sentence: with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// A form that is one button.
pub fn button_form(action: &str, csrf: &str, label: &str) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            (csrf_field(csrf))
            button.button type="submit" { (label) }
        }
    }
}

/// The choice of a role.
pub fn role_choice(chosen: Role, label: &str) -> Markup {
    html! {
        select name="role" aria-label=(label) {
            @for role in Role::ALL {
                option value=(role.as_str()) selected[role == chosen] { (role.label()) }
            }
        }
    }
}

/// What stays hidden until somebody means it.
pub fn folded(summary: &str, body: &Markup) -> Markup {
    html! { details.folded { summary { (summary) } (body) } }
}
