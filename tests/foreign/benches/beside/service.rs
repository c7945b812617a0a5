//! A process that reads streams and observes them one way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use llmobs::Llmobs;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::by_hand;
use crate::streams::Client;
use crate::way::Way;

const TIMEOUT: Duration = Duration::from_secs(20);
/// Between the beginnings of two streams: calls of a service do not end all at once.
const APART: Duration = Duration::from_millis(20);

/// Does what its input says until that ends, and answers each line with one.
pub(crate) fn run(way: Way, model: &str, receiver: &str) {
    let service = Service::new(way, model, receiver);
    for line in std::io::stdin().lines() {
        let line = line.expect("the bench speaks UTF-8");
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words.as_slice() {
            ["read", streams, model, limit] => {
                service.read(number(streams) as usize, model, number(limit) as usize)
            }
            ["idle", ms] => {
                let before = Used::now();
                std::thread::sleep(Duration::from_millis(number(ms)));
                before.until_now()
            }
            ["take"] => json!({"last": service.last_line()}),
            _ => json!({"unknown": line}),
        };
        println!("{answer}");
    }
    drop(service.llmobs);
    let _ = service.file.map(std::fs::remove_file);
}

fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}

struct Service {
    runtime: Runtime,
    client: Arc<Client>,
    llmobs: Option<Llmobs>,
    provider: Option<SdkTracerProvider>,
    file: Option<PathBuf>,
    fastrace: bool,
}

impl Service {
    fn new(way: Way, model: &str, receiver: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let name = format!("beside-{}.jsonl", std::process::id());
        let file = (way == Way::JsonLines).then(|| std::env::temp_dir().join(name));
        let builder = || llmobs::Builder::from_lookup(&|_| None);
        let builder = match (way, &file) {
            (Way::Off, _) => Some(builder().no_file().enabled(false)),
            (Way::JsonLines, Some(file)) => Some(builder().file(file)),
            (Way::Otlp, _) => Some(builder().no_file().otlp(|otlp| otlp.endpoint(receiver))),
            _ => None,
        };
        let llmobs = builder.map(|builder| builder.start().expect("it starts"));
        let subscribes = matches!(way, Way::Tracing | Way::Genai | Way::Rig);
        let fastrace = way == Way::Fastrace;
        if fastrace {
            by_hand::report(receiver);
        }
        Self {
            runtime: runtime.expect("a runtime can be built"),
            client: Arc::new(Client::new(way, model, llmobs.as_ref())),
            provider: subscribes.then(|| by_hand::subscribe(receiver)),
            llmobs,
            file,
            fastrace,
        }
    }

    /// Reads streams beside each other, and says what it took until all of it was delivered.
    fn read(&self, streams: usize, model: &str, limit: usize) -> Value {
        let lines = self.lines();
        let before = Used::now();
        let items = self.runtime.block_on(async {
            let tasks: Vec<_> = (0..streams)
                .map(|n| {
                    let (client, model) = (Arc::clone(&self.client), model.to_owned());
                    tokio::spawn(async move {
                        tokio::time::sleep(APART * n as u32).await;
                        client.read(&model, limit).await
                    })
                })
                .collect();
            let mut items = 0;
            for task in tasks {
                items += task.await.expect("it does not panic");
            }
            // A body's end is seen after the reader has left.
            tokio::time::sleep(Duration::from_millis(50)).await;
            items
        });
        self.flush();
        let mut used = before.until_now();
        used["items"] = items.into();
        used["kept"] = (self.lines() - lines).into();
        used
    }

    fn flush(&self) {
        if let Some(llmobs) = &self.llmobs {
            llmobs.flush(TIMEOUT).expect("everything is delivered");
        }
        if let Some(provider) = &self.provider {
            provider.force_flush().expect("everything is delivered");
        }
        if self.fastrace {
            fastrace::flush();
        }
    }

    fn written(&self) -> String {
        self.file
            .as_ref()
            .map(|file| std::fs::read_to_string(file).unwrap_or_default())
            .unwrap_or_default()
    }

    fn lines(&self) -> usize {
        self.written().lines().filter(|line| line.contains(r#""kind":"interaction""#)).count()
    }

    fn last_line(&self) -> Option<Value> {
        serde_json::from_str(self.written().lines().last()?).ok()
    }
}

/// What the system says that this process has used.
struct Used {
    cpu_us: i64,
    switches: i64,
    at: Instant,
}

impl Used {
    fn now() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask about itself");
        Self {
            cpu_us: (usage.user_time() + usage.system_time()).num_microseconds(),
            switches: usage.voluntary_context_switches(),
            at: Instant::now(),
        }
    }

    fn until_now(&self) -> Value {
        let now = Self::now();
        json!({
            "cpu_us": now.cpu_us - self.cpu_us,
            "switches": now.switches - self.switches,
            "wall_ms": now.at.duration_since(self.at).as_millis() as u64,
        })
    }
}
