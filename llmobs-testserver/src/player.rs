//! Plays one answer on a connection, step by step.

use std::io;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::WriteHalf;

use crate::answer::{Act, Answer, Framing, Step};
use crate::script::Log;

/// What of the request decides how its answer is framed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) keep_alive: bool,
    pub(crate) http_1_0: bool,
    pub(crate) is_head: bool,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    KeepAlive,
    Close,
    Reset,
    Left,
}

/// Whether the script goes on after a step.
enum Flow {
    On,
    Stop(Ending),
}

/// Plays an answer to its end.
pub(crate) async fn play(
    writer: WriteHalf<'_>,
    answer: Answer,
    request: Request,
    log: &Log,
) -> Ending {
    let mut player = Player { writer, framing: answer.framing, n_written: 0, log };
    // A write fails only because the other side is gone.
    player.play(answer, request).await.unwrap_or(Ending::Left)
}

struct Player<'a> {
    writer: WriteHalf<'a>,
    framing: Framing,
    n_written: u64,
    log: &'a Log,
}

impl Player<'_> {
    async fn play(&mut self, answer: Answer, request: Request) -> io::Result<Ending> {
        for step in &answer.before_head {
            if let Flow::Stop(ending) = self.step(step).await? {
                return Ok(ending);
            }
        }
        if request.http_1_0 && self.framing == Framing::Chunked {
            self.framing = Framing::UntilClose;
        }
        let keep_alive = request.keep_alive
            && !answer.close
            && !matches!(self.framing, Framing::UntilClose | Framing::Raw);
        if self.framing != Framing::Raw {
            let head = self.head(&answer, keep_alive);
            self.write(head.as_bytes()).await?;
            self.log.head();
        }
        let has_body = !request.is_head && !matches!(answer.status, 100..=199 | 204 | 304);
        let length = match self.framing {
            Framing::Length => answer_length(&answer),
            Framing::Declared(length) => length,
            Framing::Chunked | Framing::UntilClose | Framing::Raw => 0,
        };
        if has_body {
            if let Flow::Stop(ending) = self.body(answer.body).await? {
                return Ok(ending);
            }
            if self.framing == Framing::Chunked {
                self.write(b"0\r\n\r\n").await?;
            }
        }
        let framed = matches!(self.framing, Framing::Chunked) || self.n_written == length;
        let whole = framed || !has_body;
        Ok(if keep_alive && whole { Ending::KeepAlive } else { Ending::Close })
    }

    async fn body(&mut self, acts: Vec<Act>) -> io::Result<Flow> {
        for act in acts {
            let steps = match act {
                Act::Once(step) => {
                    if let Flow::Stop(ending) = self.step(&step).await? {
                        return Ok(Flow::Stop(ending));
                    }
                    continue;
                }
                Act::Endless(steps) => steps,
            };
            loop {
                for step in &steps {
                    if let Flow::Stop(ending) = self.step(step).await? {
                        return Ok(Flow::Stop(ending));
                    }
                }
                // Steps that never wait must not keep the other connections waiting.
                tokio::task::yield_now().await;
            }
        }
        Ok(Flow::On)
    }

    async fn step(&mut self, step: &Step) -> io::Result<Flow> {
        match step {
            Step::Write(bytes) => self.write_body(bytes).await?,
            Step::Pause(duration) => tokio::time::sleep(*duration).await,
            Step::Wait(gate) => gate.wait().await,
            Step::Open(gate) => gate.open(),
            Step::Cut => return Ok(Flow::Stop(Ending::Close)),
            Step::Reset => return Ok(Flow::Stop(Ending::Reset)),
        }
        Ok(Flow::On)
    }

    async fn write_body(&mut self, bytes: &Bytes) -> io::Result<()> {
        // An empty chunk would be the end of the body.
        if bytes.is_empty() {
            return Ok(());
        }
        if self.framing == Framing::Chunked {
            let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
            chunk.extend_from_slice(bytes);
            chunk.extend_from_slice(b"\r\n");
            self.write(&chunk).await?;
        } else {
            self.write(bytes).await?;
        }
        self.n_written += bytes.len() as u64;
        self.log.wrote(bytes.len());
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await?;
        self.writer.flush().await
    }

    fn head(&self, answer: &Answer, keep_alive: bool) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
        let mut line = |name: &str, value: &str| {
            head.push_str(&format!("{name}: {value}\r\n"));
        };
        for (name, value) in &answer.headers {
            line(name, value);
        }
        match self.framing {
            Framing::Chunked => line("transfer-encoding", "chunked"),
            Framing::Length if matches!(answer.status, 100..=199 | 204 | 304) => {}
            Framing::Length => line("content-length", &answer_length(answer).to_string()),
            Framing::Declared(length) => line("content-length", &length.to_string()),
            Framing::UntilClose | Framing::Raw => {}
        }
        if !keep_alive {
            line("connection", "close");
        }
        head.push_str("\r\n");
        head
    }
}

fn answer_length(answer: &Answer) -> u64 {
    let length = |act: &Act| match act {
        Act::Once(Step::Write(bytes)) => bytes.len() as u64,
        _ => 0,
    };
    answer.body.iter().map(length).sum()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
