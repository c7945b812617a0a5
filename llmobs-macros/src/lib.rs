//! llmobs macros
