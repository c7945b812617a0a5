//! llmobs http
