//! What a request told, for as long as its call is open.

use crate::record::{Content, Params, Record};

/// What a request told. As a record it would be a record's size, and most of that empty.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) stream: Option<bool>,
    model: Option<String>,
    params: Option<Box<Params>>,
    content: Option<Box<Content>>,
    /// Whatever else it told, where it told anything else.
    more: Option<Box<Record>>,
}

impl Asked {
    /// What a decoder made of the request.
    fn of(mut record: Record) -> Self {
        let asked = Self {
            stream: record.stream.take(),
            model: record.model.take(),
            params: record.params.take(),
            content: record.content.take(),
            more: None,
        };
        let more = (record != Record::default()).then(|| Box::new(record));
        Self { more, ..asked }
    }

    /// A record of what was asked, and of nothing else.
    pub(super) fn into_record(self) -> Record {
        let Self { stream, model, params, content, more } = self;
        let more = more.map_or_else(Record::default, |more| *more);
        Record { stream, model, params, content, ..more }
    }

    /// Changes what is known, or only looks at it.
    pub(super) fn with<R>(&mut self, run: impl FnOnce(&mut Record) -> R) -> R {
        let mut record = std::mem::take(self).into_record();
        let result = run(&mut record);
        *self = Self::of(record);
        result
    }
}
