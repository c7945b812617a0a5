//! Calls as an adapter makes them, without a network.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use llmobs_core::{BodyEnd, Call, CallStart, Llmobs, Recorder, Tap, Target};

use crate::account::holds;
use crate::report::{Broken, promise};

/// Longer than anything takes, so that what hangs fails instead.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// What a stream of events begins with.
pub(crate) const STREAM: [(&str, &[u8]); 2] =
    [("content-type", b"text/event-stream"), ("x-request-id", b"req_0123456789abcdef")];

/// A request and the answer to it, which are always the same.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    request: Bytes,
    answer: Bytes,
}

impl Exchange {
    /// A short question, answered in a stream of a few tokens.
    pub(crate) fn short() -> Self {
        let request = r#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Where is my order?"}]}"#;
        let chunk = |rest: &str| {
            format!(
                "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\
                 \"created\":1767225600,\"model\":\"gpt-4o-mini-2024-07-18\",{rest}}}\n\n"
            )
        };
        let token = r#""choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]"#;
        let last = r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#;
        let usage =
            r#""choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}"#;
        let mut answer: String = [token, token, token, last, usage].map(chunk).concat();
        answer.push_str("data: [DONE]\n\n");
        Self { request: request.into(), answer: answer.into() }
    }

    /// Makes the call; whether there was room for it.
    pub(crate) fn call(&self, recorder: &Recorder) -> bool {
        let Some((call, mut tap)) = open(recorder, "api.openai.com", self.request.clone()) else {
            return false;
        };
        tap.data(&self.answer);
        call.returned();
        tap.end(BodyEnd::Complete);
        true
    }
}

/// Opens a call to a host, and its answer.
pub(crate) fn open(recorder: &Recorder, host: &str, request: Bytes) -> Option<(Call, Tap)> {
    let call = begin(recorder, host, request)?;
    let tap = call.handle().attempt().headers(200, STREAM.into_iter());
    Some((call, tap))
}

/// Begins a call to a host.
pub(crate) fn begin(recorder: &Recorder, host: &str, request: Bytes) -> Option<Call> {
    let target = Target { method: "POST", host, port: Some(443), path: "/v1/chat/completions" };
    recorder.call(CallStart { target, body: Some(request), body_len: None })
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) -> Result<(), Broken> {
    let began = Instant::now();
    while !so() {
        promise(began.elapsed() < LONG, || format!("this never came to be: {what}"))?;
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Waits until no more than a few operations are open, so that the worker is not overrun.
pub(crate) fn keep_pace(recorder: &Recorder, most: u64) -> Result<(), Broken> {
    until("the worker catches up", || recorder.losses().open <= most)
}

/// Shuts down, with all the time it needs; what does not come out is left to the account.
pub(crate) fn shut_down(llmobs: &Llmobs) {
    let _ = llmobs.shutdown(LONG);
}

/// Runs something while another thread looks again and again whether the sums hold.
pub(crate) fn holds_while<R>(recorder: &Recorder, run: impl FnOnce() -> R) -> Result<R, Broken> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                holds(&recorder.losses())?;
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let result = run();
        over.store(true, Ordering::Relaxed);
        watch.join().map_err(|_| Broken::new("the watch has panicked"))??;
        Ok(result)
    })
}
