//! The `async` block at the end of a body that returns a future.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::{Block, Expr, ExprAsync, Stmt, Type};

/// A body that ends in an `async` block, or in one that is boxed, as `#[async_trait]` makes it.
pub(crate) struct Tail {
    statements: Vec<Stmt>,
    /// What the future gives.
    pub(crate) output: Type,
}

impl Tail {
    pub(super) fn find(body: TokenStream, output: Type) -> Option<Self> {
        let statements = Block::parse_within.parse2(body).ok()?;
        let mut tail = Self { statements, output };
        tail.block().is_some().then_some(tail)
    }

    /// Whether nothing comes before the block and it takes everything it names along: the arguments
    /// are then still there when it begins.
    pub(crate) fn is_alone(&self) -> bool {
        let mut tail = Self { statements: self.statements.clone(), output: self.output.clone() };
        tail.statements.len() == 1 && tail.block().is_some_and(|block| block.capture.is_some())
    }

    /// The body with `change` done to the block.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ExprAsync)) -> Vec<Stmt> {
        self.block().map(change);
        self.statements
    }

    fn block(&mut self) -> Option<&mut ExprAsync> {
        match self.statements.last_mut()? {
            Stmt::Expr(tail, None) => async_block(tail),
            _ => None,
        }
    }
}

fn async_block(tail: &mut Expr) -> Option<&mut ExprAsync> {
    match tail {
        Expr::Async(block) => Some(block),
        Expr::Group(inner) => async_block(&mut inner.expr),
        Expr::Paren(inner) => async_block(&mut inner.expr),
        Expr::Call(call) if is_box_pin(&call.func) && call.args.len() == 1 => {
            async_block(call.args.first_mut()?)
        }
        Expr::MethodCall(call) if call.method == "boxed" || call.method == "boxed_local" => {
            async_block(&mut call.receiver)
        }
        _ => None,
    }
}

fn is_box_pin(function: &Expr) -> bool {
    let Expr::Path(function) = function else { return false };
    let mut segments = function.path.segments.iter().rev();
    segments.next().is_some_and(|last| last.ident == "pin")
        && segments.next().is_some_and(|owner| owner.ident == "Box")
}
