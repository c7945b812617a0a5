//! Attributes, wherever they stand.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

use crate::checker::{Checker, Rules};
use crate::content;
use crate::registry::{AttributeDef, AttributeUse, Level, Registry, Type};
use crate::value;
use crate::violation::{Class, Signal, Violation};

/// What SDKs keep of one span; the rest is dropped.
const MOST_ATTRIBUTES: usize = 128;

/// What attributes stand on.
pub(crate) struct Bearer<'a> {
    pub(crate) checker: &'a Checker,
    pub(crate) registry: &'a Registry,
    pub(crate) signal: Signal,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    /// Those it may have; `None` where any is fine.
    pub(crate) uses: Option<&'a BTreeMap<String, AttributeUse>>,
    pub(crate) forbidden: Option<&'a BTreeMap<String, String>>,
    /// Whether content is structure here, and not a JSON text.
    pub(crate) structured: bool,
}

impl Bearer<'_> {
    pub(crate) fn wrong(
        &self,
        class: Class,
        attribute: Option<&str>,
        detail: impl Into<String>,
    ) -> Violation {
        Violation {
            class,
            signal: self.signal,
            kind: self.kind.to_owned(),
            name: self.name.to_owned(),
            attribute: attribute.map(str::to_owned),
            detail: detail.into(),
        }
    }

    /// Everything that can be said of the attributes alone.
    pub(crate) fn check(&self, attributes: &[KeyValue], out: &mut Vec<Violation>) {
        if attributes.len() > MOST_ATTRIBUTES {
            let detail = format!("{} attributes", attributes.len());
            out.push(self.wrong(Class::TooManyAttributes, None, detail));
        }
        let mut seen = BTreeSet::new();
        let mut registered = BTreeSet::new();
        for KeyValue { key, value, .. } in attributes {
            if !seen.insert(key) {
                out.push(self.wrong(Class::DuplicateAttribute, Some(key), "it is there twice"));
                continue;
            }
            let Some(value) = value.as_ref().and_then(|value| value.value.as_ref()) else {
                out.push(self.wrong(Class::WrongType, Some(key), "it has no value"));
                continue;
            };
            if !value::is_finite(value) {
                let detail = format!("{value:?}");
                out.push(self.wrong(Class::NotFinite, Some(key), detail));
            }
            match self.registry.attribute(key) {
                Some((name, def)) => {
                    registered.insert(name);
                    self.allowed(key, name, def, out);
                    self.value(key, value, def, out);
                    self.conditions(key, value, def, attributes, out);
                }
                None => self.unknown(key, value, out),
            }
        }
        self.missing(attributes, &registered, out);
    }

    fn unknown(&self, key: &str, value: &Any, out: &mut Vec<Violation>) {
        let rules: &Rules = self.checker.rules();
        if let Some(def) = self.checker.of_before(key) {
            self.value(key, value, def, out);
        } else if let Some(instead) =
            rules.deprecated(key).filter(|_| self.signal != Signal::Resource)
        {
            let detail = format!("it was given up; now {instead}");
            out.push(self.wrong(Class::DeprecatedAttribute, Some(key), detail));
        } else if !self.checker.is_of_the_application(key, self.signal) {
            out.push(self.wrong(
                Class::UnknownAttribute,
                Some(key),
                format!("no registry has it (its value is {})", value::short(value)),
            ));
        } else if matches!(value, Any::BytesValue(_)) {
            out.push(self.wrong(Class::WrongType, Some(key), "attributes have no bytes"));
        }
    }

    fn allowed(&self, key: &str, name: &str, def: &AttributeDef, out: &mut Vec<Violation>) {
        if let Some(reason) = self.forbidden.and_then(|forbidden| forbidden.get(name)) {
            out.push(self.wrong(Class::ForbiddenAttribute, Some(key), reason.clone()));
        } else if def.compat.is_some() && self.signal == Signal::Span {
            if !self.checker.sends_compat() {
                let detail = "it is a backend's, and was not asked for";
                out.push(self.wrong(Class::AttributeNotAllowed, Some(key), detail));
            }
        } else if self.uses.is_some_and(|uses| !uses.contains_key(name)) {
            let detail = format!("{} has no such attribute", self.kind);
            out.push(self.wrong(Class::AttributeNotAllowed, Some(key), detail));
        }
    }

    fn value(&self, key: &str, value: &Any, def: &AttributeDef, out: &mut Vec<Violation>) {
        let found = value::type_name(value);
        let expected = match def.kind.as_ref() {
            None => return,
            Some(Type::Any) => return self.content(key, value, def, out),
            Some(Type::Plain(plain) | Type::Template(plain)) => plain.as_str(),
            Some(Type::Enum(_)) => "string",
        };
        // An empty list is one of any type.
        if found != expected && !(found == "[]" && expected.ends_with("[]")) {
            let detail = format!("{found} instead of {expected}");
            out.push(self.wrong(Class::WrongType, Some(key), detail));
            return;
        }
        let Any::StringValue(text) = value else { return };
        if let Some(longest) = def.max_length.filter(|longest| text.chars().count() > *longest) {
            let detail = format!("{} characters, {longest} at most", text.chars().count());
            out.push(self.wrong(Class::TooLong, Some(key), detail));
        }
        if let Some(Type::Enum(members)) = &def.kind {
            self.member(key, text, members, def, out);
        }
    }

    fn member(
        &self,
        key: &str,
        text: &str,
        members: &[String],
        def: &AttributeDef,
        out: &mut Vec<Violation>,
    ) {
        if members.iter().any(|member| member == text) {
            return;
        }
        if let Some(instead) = def.deprecated_values.get(text) {
            let detail = format!("{text:?} was given up; now {instead:?}");
            out.push(self.wrong(Class::DeprecatedEnumValue, Some(key), detail));
            return;
        }
        let same = members.iter().find(|member| plain(member) == plain(text));
        let alias = def.aliases.iter().find(|(alias, _)| plain(alias) == plain(text));
        let same = same.or(alias.map(|(_, member)| member));
        let detail = match same {
            Some(member) => format!("{text:?}, for which there is {member:?}"),
            None if def.open => return,
            None => format!("{text:?} is none of {}", members.join(", ")),
        };
        out.push(self.wrong(Class::UnknownEnumValue, Some(key), detail));
    }

    fn content(&self, key: &str, value: &Any, def: &AttributeDef, out: &mut Vec<Violation>) {
        let content = match content::parsed(value, self.structured) {
            Ok(content) => content,
            Err(detail) => {
                out.push(self.wrong(Class::ContentForm, Some(key), detail));
                return;
            }
        };
        if let Some(schema) = &def.schema
            && let Some(detail) = self.checker.rules().schemas.against(schema, &content)
        {
            out.push(self.wrong(Class::ContentSchema, Some(key), detail));
        }
    }

    fn conditions(
        &self,
        key: &str,
        value: &Any,
        def: &AttributeDef,
        attributes: &[KeyValue],
        out: &mut Vec<Violation>,
    ) {
        let mut broken = |detail: String| {
            out.push(self.wrong(Class::ConditionNotMet, Some(key), detail));
        };
        let found = value::json(value);
        if let Some(only) = def.only.as_ref().filter(|only| found.as_ref() != Some(only)) {
            broken(format!("it is only ever {only}, and was {}", value::short(value)));
        }
        if let Some(never) = def.never.as_ref().filter(|never| found.as_ref() == Some(never)) {
            broken(format!("it is never {never}"));
        }
        if def.unless.iter().any(|(other, asked)| value::is(attributes, other, asked)) {
            return;
        }
        for (other, asked) in &def.only_with {
            // Metrics have the fewest attributes: what is not theirs is no condition.
            let possible = self.uses.is_none_or(|uses| uses.contains_key(other));
            if possible && !value::is(attributes, other, asked) {
                broken(format!("it is only beside {other} = {asked}"));
            }
        }
        let bound = def.at_most.as_ref().and_then(|other| value::of(attributes, other));
        if let (Some(bound), Some(number)) = (bound.and_then(value::number), value::number(value))
            && number > bound
        {
            let other = def.at_most.as_deref().unwrap_or_default();
            broken(format!("{number} is more than {bound}, its whole in {other}"));
        }
    }

    fn missing(
        &self,
        attributes: &[KeyValue],
        registered: &BTreeSet<&str>,
        out: &mut Vec<Violation>,
    ) {
        for (key, usage) in self.uses.into_iter().flatten() {
            if registered.contains(key.as_str()) {
                continue;
            }
            if usage.level == Level::Required {
                out.push(self.wrong(Class::MissingRequired, Some(key), "it is required"));
                continue;
            }
            if self.signal == Signal::Span && !self.checker.sends_latest() {
                // Spans of before had fewer of those.
                continue;
            }
            let Some(def) = self.registry.attributes.get(key) else { continue };
            let met =
                def.required_with.iter().find(|(other, asked)| value::is(attributes, other, asked));
            if let Some((other, asked)) = met {
                let detail = format!("it is required beside {other} = {asked}");
                out.push(self.wrong(Class::MissingConditional, Some(key), detail));
            }
        }
    }
}

/// What is left of a name without case and separators.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
