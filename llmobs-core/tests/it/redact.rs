//! What is found in texts, and what is not.

mod forms;
mod records;
mod texts;
