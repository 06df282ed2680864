//! What a response's body says: the driver parses it, here as in JavaScript.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use beaconry_core::{Number, Range, Ranges, Said};
use serde_json::Value;

/// A [`Said`] that owns what it says.
pub enum Heard {
    Nothing,
    Accounted { stored: Vec<Range>, rejected: Vec<Number> },
    Stale,
    Error,
    Disabled,
}

impl Heard {
    pub fn parse(body: &[u8]) -> Self {
        let Ok(Value::Object(said)) = serde_json::from_slice(body) else { return Self::Nothing };
        if let (Some(stored), Some(rejected)) = (said.get("stored"), said.get("rejected")) {
            let accounted = ranges(stored).zip(firsts(rejected));
            return accounted
                .map_or(Self::Nothing, |(stored, rejected)| Self::Accounted { stored, rejected });
        }
        match (said.get("stale"), said.get("phase"), said.get("error")) {
            (Some(Value::Bool(true)), ..) => Self::Stale,
            (_, Some(Value::String(phase)), _) if phase == "DISABLED" => Self::Disabled,
            (.., Some(Value::String(_))) => Self::Error,
            _ => Self::Nothing,
        }
    }

    pub fn said(&self) -> Said<'_> {
        match self {
            Self::Nothing => Said::Nothing,
            Self::Accounted { stored, rejected } => Said::Accounted { stored, rejected },
            Self::Stale => Said::Stale,
            Self::Error => Said::Error,
            Self::Disabled => Said::Disabled,
        }
    }
}

fn ranges(stored: &Value) -> Option<Vec<Range>> {
    let pairs = stored.as_array()?.iter().map(|pair| match pair.as_array()?.as_slice() {
        [start, end] => Range::new(number(start)?, number(end)?),
        _ => None,
    });
    pairs.collect::<Option<Ranges>>().map(|ranges| ranges.iter().collect())
}

fn firsts(rejected: &Value) -> Option<Vec<Number>> {
    rejected.as_array()?.iter().map(|one| number(one.get("batch")?)).collect()
}

fn number(value: &Value) -> Option<Number> {
    value.as_u64()?.try_into().ok()
}
