//! The name that a span's fields give it.

use std::fmt::{self, Write};

use tracing::Metadata;
use tracing::field::{Field, Visit};

use super::fields::{Bounded, SHORT, unquoted};
use crate::contain::contained;
use crate::semconv::foreign::OTEL_NAME;
use crate::step::prefix;

/// Reads `otel.name`, by which tracing-opentelemetry names a span, too: so it has one name with and
/// without OpenTelemetry.
#[derive(Default)]
struct Name(Option<String>);

/// The name among the fields of a span, if one is there.
pub(super) fn name_in(
    metadata: &Metadata<'_>,
    read: impl FnOnce(&mut dyn Visit),
) -> Option<String> {
    metadata.fields().field(OTEL_NAME)?;
    let mut name = Name::default();
    // A value's own `Debug` may panic: the span keeps the name it has.
    contained(|| read(&mut name))?;
    name.0.filter(|name| !name.is_empty())
}

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == OTEL_NAME {
            self.0 = Some(prefix(value, SHORT).to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == OTEL_NAME {
            let mut bounded = Bounded::new(SHORT);
            // What is too long is cut.
            let _ = write!(bounded, "{value:?}");
            self.0 = Some(unquoted(&bounded.text));
        }
    }
}
