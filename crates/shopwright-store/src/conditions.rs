//! The filters of a list as SQL with numbered parameters.

use crate::Value;

/// Conditions of a query, joined by AND; parameters are numbered as they are bound.
#[derive(Debug, Default)]
pub(crate) struct Conditions<'a> {
    parts: Vec<String>,
    values: Vec<Value<'a>>,
}

impl<'a> Conditions<'a> {
    /// Binds a parameter and gives its name in the text.
    pub(crate) fn bind(&mut self, value: impl Into<Value<'a>>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    pub(crate) fn add(&mut self, part: impl Into<String>) {
        self.parts.push(part.into());
    }

    /// `column <sign> value`, when there is a value.
    pub(crate) fn compare(
        &mut self,
        column: &str,
        sign: &str,
        value: Option<impl Into<Value<'a>>>,
    ) {
        if let Some(value) = value {
            let name = self.bind(value);
            self.add(format!("{column} {sign} {name}"));
        }
    }

    /// `WHERE …`, or nothing.
    pub(crate) fn clause(&self) -> String {
        if self.parts.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.parts.join(" AND "))
        }
    }

    pub(crate) fn values(&self) -> &[Value<'a>] {
        &self.values
    }
}

/// `text%` for LIKE with `!` as its escape, in the lower case that both engines know (ASCII).
pub(crate) fn prefix_pattern(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.to_ascii_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_as_they_come_and_missing_ones_say_nothing() {
        let mut conditions = Conditions::default();
        assert_eq!(conditions.clause(), "");
        conditions.compare("a", "=", Some(1_i64));
        conditions.compare("b", "=", None::<i64>);
        conditions.compare("c", ">=", Some("x"));
        assert_eq!(conditions.clause(), "WHERE a = $1 AND c >= $2");
        assert_eq!((conditions.bind(3_i64).as_str(), conditions.values().len()), ("$3", 3));
    }

    #[test]
    fn what_is_searched_for_is_never_a_wildcard() {
        assert_eq!(prefix_pattern("50% OFF_!"), "50!% off!_!!%");
    }
}
