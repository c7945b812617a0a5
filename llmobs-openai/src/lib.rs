//! llmobs openai
