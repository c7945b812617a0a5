//! Reads requests off a connection and has their answers played, one after the other.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;

use crate::player::{self, Ending, Request};
use crate::received::Received;
use crate::script::Shared;

const MAX_HEAD: usize = 256 * 1024;
const MAX_BODY: usize = 256 * 1024 * 1024;
const MAX_HEADERS: usize = 128;
/// What a client may send ahead while an answer is being played.
const MAX_AHEAD: usize = 1024 * 1024;

/// Takes connections until the listener fails.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut number = 0;
    loop {
        // A connection that was gone before it was taken is no reason to stop.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            continue;
        };
        let connection =
            Connection { stream, buffer: BytesMut::new(), number, shared: Arc::clone(&shared) };
        // An error is the client's leaving between two requests.
        tokio::spawn(async move { connection.serve().await });
        number += 1;
    }
}

struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    number: usize,
    shared: Arc<Shared>,
}

impl Connection {
    async fn serve(mut self) -> io::Result<()> {
        // Each write of a script is a packet of its own.
        self.stream.set_nodelay(true)?;
        loop {
            let head = match self.read_head().await {
                Ok(Some(head)) => head,
                Ok(None) => return Ok(()),
                Err(err) => return self.refuse(err).await,
            };
            if head.expects_continue {
                self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            let body = match self.read_body(head.body).await {
                Ok(body) => body,
                Err(err) => return self.refuse(err).await,
            };
            let request = Request {
                keep_alive: head.keep_alive,
                http_1_0: head.http_1_0,
                is_head: head.method == "HEAD",
            };
            let received = Received {
                method: head.method,
                target: head.target,
                headers: head.headers,
                body,
                at: Instant::now(),
                connection: self.number,
            };
            let (answer, log) = self.shared.take(received);
            let (mut reader, writer) = self.stream.split();
            // Leaving is looked at first: a writer that is always ready would hide it.
            let ending = tokio::select! {
                biased;
                () = client_gone(&mut reader, &mut self.buffer) => Ending::Left,
                ending = player::play(writer, answer, request, &log) => ending,
            };
            if matches!(ending, Ending::Reset) {
                self.stream.set_zero_linger()?;
            }
            if !matches!(ending, Ending::KeepAlive) {
                // Before the note: a test that waits for it finds the connection closed.
                drop(self.stream);
                log.over(matches!(ending, Ending::Left));
                return Ok(());
            }
            log.over(false);
        }
    }

    /// Reads up to the end of a request's head; `None` if the client left instead.
    async fn read_head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some((head, n_bytes)) = Head::parse(&self.buffer)? {
                let _ = self.buffer.split_to(n_bytes);
                return Ok(Some(head));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(invalid("the request head is too long"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn read_body(&mut self, framing: BodyFraming) -> io::Result<Bytes> {
        let n_bytes = match framing {
            BodyFraming::Length(n_bytes) => n_bytes,
            BodyFraming::Chunked => return self.read_chunks().await,
        };
        if n_bytes > MAX_BODY {
            return Err(invalid("the request body is too long"));
        }
        self.fill(n_bytes).await?;
        Ok(self.buffer.split_to(n_bytes).freeze())
    }

    async fn read_chunks(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let (start, size) = loop {
                match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete((start, size))) => {
                        break (start, usize::try_from(size).unwrap_or(usize::MAX));
                    }
                    Ok(httparse::Status::Partial) => self.fill(self.buffer.len() + 1).await?,
                    Err(_) => return Err(invalid("malformed chunk size")),
                }
            };
            if size.saturating_add(body.len()) > MAX_BODY {
                return Err(invalid("the request body is too long"));
            }
            let _ = self.buffer.split_to(start);
            if size == 0 {
                self.read_trailers().await?;
                return Ok(body.freeze());
            }
            self.fill(size + 2).await?;
            body.extend_from_slice(&self.buffer.split_to(size));
            let _ = self.buffer.split_to(2);
        }
    }

    /// Reads lines up to and including an empty one.
    async fn read_trailers(&mut self) -> io::Result<()> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    return Ok(());
                }
            }
            self.fill(self.buffer.len() + 1).await?;
        }
    }

    /// Reads until the buffer holds this many bytes.
    async fn fill(&mut self, n_bytes: usize) -> io::Result<()> {
        while self.buffer.len() < n_bytes {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn refuse(mut self, err: io::Error) -> io::Result<()> {
        if err.kind() == io::ErrorKind::InvalidData {
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close";
            let text = err.to_string();
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            self.stream.write_all(answer.as_bytes()).await?;
        }
        Err(err)
    }
}

/// Waits until the client has closed its side, and keeps what it sends before.
async fn client_gone(reader: &mut ReadHalf<'_>, buffer: &mut BytesMut) {
    while buffer.len() < MAX_AHEAD {
        if !matches!(reader.read_buf(buffer).await, Ok(1..)) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

enum BodyFraming {
    Length(usize),
    Chunked,
}

struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: BodyFraming,
    keep_alive: bool,
    http_1_0: bool,
    expects_continue: bool,
}

impl Head {
    /// The head at the start of these bytes and its length; `None` while it is incomplete.
    fn parse(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let n_bytes = match request.parse(bytes) {
            Ok(httparse::Status::Complete(n_bytes)) => n_bytes,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(invalid("malformed request head")),
        };
        let headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|header| {
                let value = String::from_utf8_lossy(header.value).into_owned();
                (header.name.to_ascii_lowercase(), value)
            })
            .collect();
        let has = |name: &str, token: &str| {
            headers
                .iter()
                .filter(|(known, _)| known == name)
                .flat_map(|(_, value)| value.split(','))
                .any(|value| value.trim().eq_ignore_ascii_case(token))
        };
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let body = if has("transfer-encoding", "chunked") {
            BodyFraming::Chunked
        } else if let Some((_, length)) = length {
            BodyFraming::Length(
                length.trim().parse().map_err(|_| invalid("malformed content length"))?,
            )
        } else {
            BodyFraming::Length(0)
        };
        let http_1_0 = request.version == Some(0);
        let head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            body,
            keep_alive: !http_1_0 && !has("connection", "close"),
            http_1_0,
            expects_continue: has("expect", "100-continue"),
            headers,
        };
        Ok(Some((head, n_bytes)))
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
