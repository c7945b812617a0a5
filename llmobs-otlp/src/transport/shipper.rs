//! Records on their way to one endpoint: what the sinks have in common.

use std::sync::{Arc, Weak};

use llmobs_core::{Record, SinkError};
use opentelemetry_proto::tonic::resource::v1;

use super::queue::Experience;
use super::{Endpoint, ExportError, Load, Queue, Settled, Transport};
use crate::quiet::say;
use crate::resource::Resource;

/// Makes requests of records, and sends them.
///
/// A batch that is offered again goes on where it stopped: what was taken is not sent again, and
/// what was refused stays refused. As far as all from its beginning was taken, it is not even offered
/// again, so that no pause and no crash makes that go out twice.
#[derive(Debug)]
pub(crate) struct Shipper {
    name: String,
    resource: Resource,
    /// What the items are called.
    what: &'static str,
    transport: Transport,
    experience: Experience,
    under_way: Option<UnderWay>,
    noticed: bool,
}

/// A batch that has begun.
#[derive(Debug)]
struct UnderWay {
    /// Its records that have not been said to be taken, whose places in memory are nobody else's as
    /// long as this is here.
    records: Vec<Weak<Record>>,
    /// Those before them.
    taken: usize,
    /// Places of records of which no item could be made, though there should be one.
    unfit: Vec<usize>,
    queue: Queue,
}

/// A batch as it is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) loads: Vec<Load>,
    /// Places of records of which no item could be made, though there should be one.
    pub(crate) unfit: Vec<usize>,
}

/// Loads of one service each.
#[derive(Debug, Default)]
struct Packing<'a> {
    loads: Vec<(Option<&'a str>, Option<&'a str>, Load)>,
}

impl Shipper {
    /// `kind` names the sink of the first endpoint, and begins the names of the others; `what` are the
    /// items.
    pub(crate) fn new(
        kind: &str,
        what: &'static str,
        resource: Resource,
        endpoint: Endpoint,
    ) -> Self {
        let name = endpoint.name(kind);
        let transport = Transport::new(endpoint);
        let experience = Experience::default();
        Self { name, resource, what, transport, experience, under_way: None, noticed: false }
    }

    /// The sink's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sends what `encode` makes of each record, and gives away: no encoded item, one or several. It
    /// gives back false where there should be one and cannot: then the record is lost.
    pub(crate) fn ship(
        &mut self,
        records: &[Arc<Record>],
        encode: impl FnMut(&Record, &mut dyn FnMut(&[u8])) -> bool,
    ) -> Result<(), SinkError> {
        self.forward(records, |shipper| shipper.pack(records, encode))
    }

    /// Sends what is made of the records.
    pub(crate) fn forward(
        &mut self,
        records: &[Arc<Record>],
        pack: impl FnOnce(&Self) -> Packed,
    ) -> Result<(), SinkError> {
        let mut under_way = match self.under_way.take().filter(|begun| begun.is_of(records)) {
            Some(begun) => begun,
            None => {
                let Packed { loads, unfit } = pack(self);
                UnderWay {
                    records: records.iter().map(Arc::downgrade).collect(),
                    taken: 0,
                    unfit,
                    queue: Queue::new(loads, &self.experience),
                }
            }
        };
        match under_way.queue.send(&mut self.transport, &mut self.experience, self.what) {
            Ok(settled) => self.settle(settled, &under_way.unfit, records.len()),
            Err(err) => {
                let taken = under_way.take();
                self.under_way = Some(under_way);
                Err(retryable(err).taken(taken as u64))
            }
        }
    }

    fn pack(
        &self,
        records: &[Arc<Record>],
        mut encode: impl FnMut(&Record, &mut dyn FnMut(&[u8])) -> bool,
    ) -> Packed {
        let mut packing = Packing::default();
        let mut unfit = Vec::new();
        for (n, record) in records.iter().enumerate() {
            let mut give = |item: &[u8]| packing.load(record, item.len(), self).push(n, item);
            if !encode(record, &mut give) {
                unfit.push(n);
            }
        }
        let loads = packing.loads.into_iter().map(|(_, _, load)| load).collect();
        Packed { loads, unfit }
    }

    fn settle(
        &mut self,
        settled: Settled,
        unfit: &[usize],
        records: usize,
    ) -> Result<(), SinkError> {
        let Settled { refused, rejected, message, notice, .. } = settled;
        if let Some(notice) = notice.filter(|_| !self.noticed) {
            self.noticed = true;
            warn(self.name.clone(), notice);
        }
        let unfit = unfit.len() as u64;
        let lost = (refused.len() as u64).saturating_add(rejected).saturating_add(unfit);
        match lost.min(records as u64) {
            0 => Ok(()),
            lost if unfit > 0 => {
                let message = message.unwrap_or_else(|| "it is not known when it was".to_owned());
                Err(SinkError::partial(lost, message))
            }
            lost => Err(SinkError::partial(lost, message.unwrap_or_default())),
        }
    }
}

impl UnderWay {
    /// Whether these are the records that are left of it.
    fn is_of(&self, records: &[Arc<Record>]) -> bool {
        let same = |(ours, theirs): (&Weak<Record>, &Arc<Record>)| {
            Weak::as_ptr(ours) == Arc::as_ptr(theirs)
        };
        self.records.len() == records.len() && self.records.iter().zip(records).all(same)
    }

    /// Lets go of the first records as far as all of them were taken; gives their number.
    fn take(&mut self) -> usize {
        let first = self.unfit.first().copied().unwrap_or(usize::MAX);
        let first_left = self.queue.first_left().min(first);
        let taken = first_left.saturating_sub(self.taken).min(self.records.len());
        self.records.drain(..taken);
        self.taken += taken;
        taken
    }
}

impl<'a> Packing<'a> {
    /// The load an item of this size goes into.
    fn load(&mut self, of: &'a Record, bytes: usize, shipper: &Shipper) -> &mut Load {
        let (service, environment) = (of.service.as_deref(), of.environment.as_deref());
        let room = self.loads.iter().rposition(|(s, e, load)| {
            *s == service && *e == environment && shipper.experience.fits(load, bytes)
        });
        let place = room.unwrap_or_else(|| {
            let attributes = shipper.resource.attributes(service, environment);
            let resource = v1::Resource {
                attributes: attributes.iter().map(Into::into).collect(),
                ..v1::Resource::default()
            };
            self.loads.push((service, environment, Load::of(resource)));
            self.loads.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        &mut self.loads[place].2
    }
}

fn retryable(err: ExportError) -> SinkError {
    let error = SinkError::retryable(err.message);
    let error = err.source.into_iter().fold(error, SinkError::caused_by);
    err.retry_after.into_iter().fold(error, SinkError::retry_after)
}

/// Passes on what an endpoint says that is no loss. The thread of a sink has no subscriber while it
/// exports, so it is told from another.
fn warn(sink: String, said: String) {
    let warn = move || {
        say(|| {
            tracing::warn!(
                target: "llmobs",
                sink,
                said,
                "the endpoint has taken everything, and has something to say"
            );
        });
    };
    // Without a thread to be had there is more to worry about.
    let _ = std::thread::Builder::new().name("llmobs-notice".into()).spawn(warn);
}
