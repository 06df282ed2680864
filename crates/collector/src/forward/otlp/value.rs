//! JSON as OTLP's values: numbers stay numbers, objects stay objects, to a depth that every receiver takes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What lies deeper goes as JSON text: protobuf's readers give up at a depth of 100 messages, of which a level takes four.
const MAX_DEPTH: usize = 16;

/// The members of an object, in their order, their values unread.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(crate) fn of(value: &'a RawValue) -> Members<'a> {
        serde_json::from_str(value.get()).unwrap_or_default()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// A member that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        text(self.get(name)?)
    }

    /// All but some, as one value; `None` where nothing is left.
    pub(crate) fn without(&self, names: &[&str]) -> Option<AnyValue> {
        let rest = self.0.iter().filter(|(name, _)| !names.contains(&name.as_ref()));
        let values: Vec<KeyValue> =
            rest.map(|(name, value)| key_value(name, any_value_at(value, 1))).collect();
        (!values.is_empty()).then_some(AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) })
    }
}

/// Of a JSON string.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

pub(crate) fn key_value(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

pub(crate) fn string(text: impl Into<String>) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.into())) }
}

pub(crate) fn any_value(json: &RawValue) -> AnyValue {
    any_value_at(json, 0)
}

fn any_value_at(json: &RawValue, depth: usize) -> AnyValue {
    let text_of = json.get();
    let value = match text_of.as_bytes().first() {
        Some(b'"') => match text(json) {
            Some(text) => Value::StringValue(text.into_owned()),
            // Half a surrogate pair, which JSON can say and UTF-8 cannot.
            None => Value::StringValue(text_of.to_owned()),
        },
        Some(b'{' | b'[') if depth >= MAX_DEPTH => Value::StringValue(text_of.to_owned()),
        Some(b'{') => {
            let members = Members::of(json).0.into_iter();
            let values = members.map(|(name, value)| key_value(&name, any_value_at(value, depth + 1)));
            Value::KvlistValue(KeyValueList { values: values.collect() })
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text_of).unwrap_or_default();
            let values = items.into_iter().map(|item| any_value_at(item, depth + 1)).collect();
            Value::ArrayValue(ArrayValue { values })
        }
        Some(b't') => Value::BoolValue(true),
        Some(b'f') => Value::BoolValue(false),
        Some(b'n') | None => return AnyValue { value: None },
        Some(_) => number(text_of),
    };
    AnyValue { value: Some(value) }
}

/// An integer where it is one; what is too large for both kinds of number stays text.
fn number(text: &str) -> Value {
    if let Ok(int) = text.parse() {
        return Value::IntValue(int);
    }
    match text.parse::<f64>() {
        Ok(double) if double.is_finite() => Value::DoubleValue(double),
        _ => Value::StringValue(text.to_owned()),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for InOrder<'a> {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                #[derive(Deserialize)]
                struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'a>, &'a RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Option<Value> {
        any_value(serde_json::from_str(json).unwrap()).value
    }

    #[test]
    fn json_keeps_its_types() {
        assert_eq!(value("\"a\\n\""), Some(Value::StringValue("a\n".into())));
        assert_eq!(value("-7"), Some(Value::IntValue(-7)));
        assert_eq!(value("1.5"), Some(Value::DoubleValue(1.5)));
        assert_eq!(value("18446744073709551615"), Some(Value::DoubleValue(1.844_674_407_370_955_2e19)));
        assert_eq!(value("1e999"), Some(Value::StringValue("1e999".into())));
        assert_eq!((value("true"), value("null")), (Some(Value::BoolValue(true)), None));
        let Some(Value::KvlistValue(list)) = value(r#"{"b":[1,"x"],"a":{}}"#) else { panic!() };
        let keys: Vec<&str> = list.values.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
    }

    #[test]
    fn what_lies_deep_is_text() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let (mut value, mut depth) = (any_value(serde_json::from_str(&deep).unwrap()), 0);
        while let Some(Value::ArrayValue(mut array)) = value.value {
            (value, depth) = (array.values.remove(0), depth + 1);
        }
        assert_eq!(depth, MAX_DEPTH);
        assert!(
            matches!(value.value, Some(Value::StringValue(text)) if text.len() == 2 * (5_000 - depth) + 1)
        );
    }

    #[test]
    fn members_are_found_and_left_out() {
        let json: &RawValue = serde_json::from_str(r#"{"name":"TypeError","\u0061":1}"#).unwrap();
        let members = Members::of(json);
        assert_eq!(members.text("name").as_deref(), Some("TypeError"));
        assert!(members.get("a").is_some() && members.text("a").is_none());
        assert!(members.without(&["name", "a"]).is_none());
    }
}
