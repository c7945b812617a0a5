//! Whether adapters ask for usage where the application did not.

/// When an adapter asks for token counts that the application did not ask for.
///
/// Hosts that count tokens of streams only when asked leave most records without counts. An adapter
/// can ask in the application's place, and take out of the stream what only that brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UsagePolicy {
    /// Where the host is known to understand the question: the default.
    #[default]
    Auto,
    /// Wherever it can be asked. A host that does not know the question may refuse the call.
    Always,
    /// Nowhere: requests and responses pass as they are.
    Never,
}
