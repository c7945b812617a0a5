//! A scripted OpenAI-compatible HTTP server for the tests, examples and benches of llmobs.
//!
//! [`Server`] plays exactly the [`Answer`]s it was given, write by write, and remembers every
//! request, every write and every client that left. [`Model`] is a small pretend model on the same
//! engine, for examples that need no key and no network.
//!
//! ```
//! use llmobs_testserver::{Answer, Gate, Server};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = Server::start_blocking()?;
//! let gate = Gate::new();
//! // The second event is held back until the test opens the gate; then the connection breaks.
//! server.answer(Answer::sse(["{\"n\":1}", "{\"n\":2}"]).wait_before(1, &gate).cut());
//! assert!(server.base_url().ends_with("/v1"));
//! assert_eq!(server.hits(), 0);
//! # Ok(())
//! # }
//! ```

mod answer;
mod chat;
mod connection;
mod gate;
mod model;
mod player;
mod received;
mod script;
mod server;
mod tokens;

pub use answer::{Answer, Step};
pub use chat::{ChatScript, ToolCall, Usage, chat_chunks, chat_completion};
pub use gate::Gate;
pub use model::Model;

pub use received::Received;
pub use script::{Write, Writes};
pub use server::Server;
