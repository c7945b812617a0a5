//! The ways of observing that are compared.

/// The model whose events come one by one, 10 ms apart.
pub(crate) const PACED: &str = "gpt-4o-mini";
/// The model that answers at once.
pub(crate) const AT_ONCE: &str = "at-once";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// async-openai.
    Bare,
    /// llmobs with its recorder turned off.
    Off,
    JsonLines,
    Otlp,
    /// A `tracing` span, tracing-opentelemetry and OpenTelemetry's own pipeline.
    Tracing,
    /// A span of fastrace's, to the same exporter.
    Fastrace,
    /// genai without a subscriber.
    GenaiBare,
    Genai,
    /// rig without a subscriber.
    RigBare,
    Rig,
}

impl Way {
    /// Those of the tables. Bare is there, too: what it costs over itself is noise.
    pub(crate) const ROWS: [Self; 8] = [
        Self::Bare,
        Self::Off,
        Self::JsonLines,
        Self::Otlp,
        Self::Tracing,
        Self::Fastrace,
        Self::Genai,
        Self::Rig,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare async-openai again (noise)",
            Self::Off => "llmobs, turned off",
            Self::JsonLines => "llmobs, JSON lines",
            Self::Otlp => "llmobs, OTLP",
            Self::Tracing => "by hand: `tracing`, tracing-opentelemetry",
            Self::Fastrace => "by hand: fastrace",
            Self::GenaiBare => "bare genai",
            Self::Genai => "genai's own, over bare genai",
            Self::RigBare => "bare rig",
            Self::Rig => "rig's own, over bare rig",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ROWS.into_iter().chain([Self::GenaiBare, Self::RigBare]);
        all.find(|way| way.name() == name)
    }

    /// The same client, not observed.
    pub(crate) fn bare(self) -> Self {
        match self {
            Self::Genai | Self::GenaiBare => Self::GenaiBare,
            Self::Rig | Self::RigBare => Self::RigBare,
            _ => Self::Bare,
        }
    }

    /// Whether something is told of each call.
    pub(crate) fn tells(self) -> bool {
        self != self.bare() && self != Self::Off
    }
}
