//! llmobs otlp
