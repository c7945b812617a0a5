//! How models are told of a conversation, and what frames what they say.
//!
//! The figures are OpenAI's where it documents them, else what its answers show; the tests hold them
//! against recorded exchanges.

use super::encoding::Encoding;

/// A model, as far as counting goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    pub(super) encoding: Encoding,
    maker: Maker,
    /// Chats with tools begin with instructions.
    preamble: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    /// OpenAI's models that answer at once.
    OpenAi,
    /// OpenAI's models that reason.
    OpenAiReasoning,
    /// OpenAI's open models, which bring a system message of their own.
    OpenAiOpen,
    Other,
}

impl Model {
    /// Knows a model by its name; one without a name is nobody's.
    pub(super) fn of(name: Option<&str>) -> Self {
        const NEWER: [&str; 3] = ["gpt-4o", "gpt-4.", "chatgpt-4o"];
        const OLDER: [&str; 6] = ["gpt-4", "gpt-3.5", "gpt-35", "text-", "davinci", "babbage"];
        let name = name.unwrap_or_default();
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let name = name.rsplit('/').next().unwrap_or_default();
        let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        let encoding = match !starts(&NEWER) && starts(&OLDER) {
            true => Encoding::Cl100k,
            false => Encoding::O200k,
        };
        let maker = if starts(&["gpt-oss"]) {
            Maker::OpenAiOpen
        } else if starts(&["gpt-5", "o1", "o3", "o4", "codex"]) {
            Maker::OpenAiReasoning
        } else if encoding == Encoding::Cl100k || starts(&NEWER) {
            Maker::OpenAi
        } else {
            Maker::Other
        };
        Self { encoding, maker, preamble: starts(&["gpt-5"]) }
    }

    /// Tokens around the messages of a conversation.
    pub(super) fn around_messages(self) -> u64 {
        match self.maker {
            Maker::OpenAi | Maker::Other => 3,
            Maker::OpenAiReasoning => 2,
            Maker::OpenAiOpen => 65,
        }
    }

    /// Tokens that tell a model of OpenAI how to call the tools of a chat.
    pub(super) fn around_tools(self, responses: bool) -> u64 {
        if self.preamble && !responses { 88 } else { 9 }
    }

    /// Whether tools are declared in the manner of TypeScript, else as they are.
    pub(super) fn declares_tools(self) -> bool {
        self.maker != Maker::Other
    }

    /// Tokens around the calls of a message to so many tools; several are wrapped in one.
    pub(super) fn around_calls(self, calls: u64) -> u64 {
        match self.maker {
            Maker::Other => 10 * calls,
            _ => 7 * calls + if calls > 1 { 14 } else { 0 },
        }
    }

    /// Tokens around an answer; one of the Responses API counts its end.
    pub(super) fn around_answer(self, responses: bool) -> u64 {
        let end = u64::from(responses);
        match self.maker {
            Maker::OpenAi => end,
            Maker::OpenAiReasoning => 3 + end,
            Maker::OpenAiOpen => 4,
            Maker::Other => 1,
        }
    }
}
