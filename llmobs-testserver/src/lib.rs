//! A scripted OpenAI-compatible server for the tests, examples and benches of llmobs.
