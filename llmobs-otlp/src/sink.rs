//! The sink of the own pipeline: records as spans, over OTLP.

mod encode;
mod wire;

use std::time::Duration;

use llmobs_core::{Batch, Sink, SinkError};

use self::encode::{Made, span};
use crate::attributes::Room;
use crate::mode::ModeCell;
use crate::resource::Resource;
use crate::style::Style;
use crate::transport::{Endpoint, LINGER, Shipper};

/// Exports records as spans; see [`Otlp::install`](crate::Otlp::install).
///
/// Once the backend is attached to a provider of the user's, the spans are that provider's: the
/// sink then takes all records and sends none.
///
/// A request that an endpoint refuses for something in it is halved until the bad spans are alone,
/// and only they are lost. One that is too large is halved, and so are those that follow.
#[derive(Debug)]
pub struct OtlpSink {
    mode: ModeCell,
    style: Style,
    shipper: Shipper,
}

impl OtlpSink {
    pub(crate) fn new(
        mode: ModeCell,
        resource: Resource,
        style: Style,
        endpoint: Endpoint,
    ) -> Self {
        let shipper = Shipper::new("otlp", "spans", resource, endpoint);
        Self { mode, style, shipper }
    }
}

impl Sink for OtlpSink {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        if self.mode.is_attached() {
            return Ok(());
        }
        let style = &self.style;
        let (mut room, mut one) = (Room::default(), Vec::new());
        self.shipper.ship(batch.records, |record, give| {
            one.clear();
            let made = span(record, style, &mut room, &mut one);
            if made == Made::Span {
                give(&one);
            }
            made != Made::Undated
        })
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    fn name(&self) -> &str {
        self.shipper.name()
    }
}
