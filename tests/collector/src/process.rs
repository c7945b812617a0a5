//! Other programs, and waiting for them.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    output: PathBuf,
}

impl Running {
    /// Runs `command`; what it says is kept in `output`.
    pub(crate) fn start(command: &mut Command, output: PathBuf) -> Self {
        let file = File::create(&output).expect("the folder is ours");
        let stdout = file.try_clone().expect("a file can be shared");
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(file).spawn();
        Self { child: child.expect("the program can be run"), output }
    }

    /// Waits until somebody listens there; `false` when the program has ended instead.
    pub(crate) fn listens(&mut self, at: SocketAddr) -> bool {
        until("the program listens", || {
            if self.child.try_wait().expect("it is our child").is_some() {
                return Some(false);
            }
            TcpStream::connect(at).is_ok().then_some(true)
        })
    }

    /// Lets the program finish what it is at, and waits for its end.
    pub(crate) fn finish(mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("kill can be run");
        assert!(asked.success(), "the program has ended already:\n{}", self.said());
        until("the program ends", || self.child.try_wait().expect("it is our child"));
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until there is something, since other programs tell nobody.
///
/// # Panics
///
/// When there is still nothing after a minute.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        sleep(Duration::from_millis(5));
    }
}

/// An address that is free now, at a port that systems do not give to connections by themselves.
pub(crate) fn free() -> SocketAddr {
    const PORTS: std::ops::Range<u16> = 21_000..32_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Test programs that run at the same time begin at different ones.
    let begin = u16::try_from(std::process::id() % u32::from(span / 100)).unwrap_or_default() * 100;
    until("a port is free", || {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (begin + n % span) % span;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpListener::bind(at).is_ok().then_some(at)
    })
}
