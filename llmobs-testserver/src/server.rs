use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::connection;
use crate::received::Received;
use crate::script::{Shared, Writes};

/// A scripted HTTP/1.1 server on a free port of 127.0.0.1.
///
/// It lives on a thread and a runtime of its own, so it goes on whatever the test's runtime does.
/// Dropping it closes the port and every connection before the drop returns.
///
/// Each request takes the next [`answer`](Self::answer); when none is left, the
/// [`handler`](Self::handler) is asked; without one the answer is a 404 whose error code is
/// `no_answer_scripted`.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// If no port can be bound or no thread can be started.
    #[expect(clippy::unused_async, reason = "async tests read better with one style of start")]
    pub async fn start() -> io::Result<Self> {
        Self::start_blocking()
    }

    /// Starts a server from code without a runtime.
    ///
    /// # Errors
    ///
    /// If no port can be bound or no thread can be started.
    pub fn start_blocking() -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts a server where another one was, for one that goes away and comes back.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound or no thread can be started.
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new());
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let for_thread = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("llmobs-testserver".into()).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        _ = connection::accept(listener, for_thread) => {}
                    }
                });
            })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What an OpenAI client takes as its base: the url and `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens, as an address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds an answer to the end of the queue.
    pub fn answer(&self, answer: Answer) {
        self.shared.push(answer);
    }

    /// Decides the answers of requests for which the queue has none.
    ///
    /// It runs on the server's only thread: it must not block.
    pub fn handler(&self, handler: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        self.shared.set_handler(Arc::new(handler));
    }

    /// Whether requests and writes are remembered. Defaults to on.
    ///
    /// Off, memory stays bounded in a long run: [`hits`](Self::hits) still counts, the rest is
    /// empty. To be set before the first request.
    pub fn recording(&self, on: bool) {
        self.shared.set_recording(on);
    }

    /// How many requests have been read.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.shared.hits()
    }

    /// Every request so far, in the order they were read.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received()
    }

    /// What was written for each request, in the order of [`received`](Self::received).
    ///
    /// A write is noted just after it, so a client can be ahead of the note: wait with
    /// [`written`](Self::written) or [`client_left`](Self::client_left) before looking.
    #[must_use]
    pub fn writes(&self) -> Vec<Writes> {
        self.shared.writes()
    }

    /// Waits until `n` requests have been read.
    pub fn hits_reach(&self, n: usize) -> impl Future<Output = ()> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        async move { shared.until(|hits, _| (hits >= n).then_some(())).await }
    }

    /// Waits until `n` writes of the body of request `i` are with the socket.
    pub fn written(&self, i: usize, n: usize) -> impl Future<Output = ()> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        async move {
            shared.until(|_, all| (all.get(i)?.body.len() >= n).then_some(())).await;
        }
    }

    /// Waits until request `i` is over: when its client was seen leaving before the answer's end,
    /// or `None` if the server came to the end of its script.
    ///
    /// A client that leaves while the server waits or pauses is seen at once; one that leaves while
    /// the server writes, at a later write.
    pub fn client_left(&self, i: usize) -> impl Future<Output = Option<Instant>> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        async move {
            shared
                .until(|_, all| {
                    let writes = all.get(i)?;
                    writes.over.map(|_| writes.left)
                })
                .await
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the thread has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let thread = self.thread.take();
        // A handler that held the last handle is dropped on that very thread.
        let thread = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        let _ = thread.map(JoinHandle::join);
    }
}
