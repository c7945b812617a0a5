//! Who a step is run by or for: tools, agents and workflows that tell their names.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// A call of a tool, as a model asked for it.
///
/// An argument of this type, or `self`, tells a traced function of kind `tool` which call it
/// answers.
///
/// ```
/// use std::borrow::Cow;
///
/// use llmobs_core::AsToolCall;
///
/// struct Call {
///     id: String,
///     function: String,
///     arguments: String,
/// }
///
/// impl AsToolCall for Call {
///     fn tool_call_id(&self) -> Option<Cow<'_, str>> {
///         Some(self.id.as_str().into())
///     }
///
///     fn tool_name(&self) -> Option<Cow<'_, str>> {
///         Some(self.function.as_str().into())
///     }
/// }
/// # let call = Call { id: "call_1".into(), function: "clock".into(), arguments: String::new() };
/// # assert_eq!(call.tool_call_id().as_deref(), Some("call_1"));
/// # assert_eq!((call.tool_name().is_some(), call.arguments.len()), (true, 0));
/// ```
pub trait AsToolCall {
    /// Id of the call, as the model gave it.
    fn tool_call_id(&self) -> Option<Cow<'_, str>>;

    /// Name of the tool. Defaults to the step's.
    fn tool_name(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Type of the tool, such as `function`. Defaults to unknown.
    fn tool_type(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// An agent that knows its name.
///
/// An argument of this type, or `self`, tells a traced function of kind `agent` whose run it is.
pub trait AsAgent {
    /// Name of the agent. `None` leaves it at the step's.
    fn agent_name(&self) -> Option<Cow<'_, str>>;

    /// The application's id of the agent. Defaults to unknown.
    fn agent_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Version of the agent. Defaults to unknown.
    fn agent_version(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// A workflow that knows its name.
///
/// An argument of this type, or `self`, tells a traced function of kind `workflow` what it runs.
pub trait AsWorkflow {
    /// Name of the workflow. `None` leaves it at the step's.
    fn workflow_name(&self) -> Option<Cow<'_, str>>;
}

macro_rules! pointers {
    ($($pointer:ty),*) => {
        $(impl<T: AsToolCall + ?Sized> AsToolCall for $pointer {
            fn tool_call_id(&self) -> Option<Cow<'_, str>> {
                (**self).tool_call_id()
            }

            fn tool_name(&self) -> Option<Cow<'_, str>> {
                (**self).tool_name()
            }

            fn tool_type(&self) -> Option<Cow<'_, str>> {
                (**self).tool_type()
            }
        }

        impl<T: AsAgent + ?Sized> AsAgent for $pointer {
            fn agent_name(&self) -> Option<Cow<'_, str>> {
                (**self).agent_name()
            }

            fn agent_id(&self) -> Option<Cow<'_, str>> {
                (**self).agent_id()
            }

            fn agent_version(&self) -> Option<Cow<'_, str>> {
                (**self).agent_version()
            }
        }

        impl<T: AsWorkflow + ?Sized> AsWorkflow for $pointer {
            fn workflow_name(&self) -> Option<Cow<'_, str>> {
                (**self).workflow_name()
            }
        })*
    };
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);
