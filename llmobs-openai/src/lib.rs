//! OpenAI wire formats and the service for async-openai behind llmobs.

mod decode;
mod provider;

pub use self::decode::OpenAi;
