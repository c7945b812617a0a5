//! Traffic in which everything changes.

use std::fmt::Write;

use bytes::Bytes;
use fastrand::Rng;
use llmobs_core::{
    BodyEnd, Call, Evaluated, Evaluation, Llmobs, StepKind, Template, TransportError, scope,
};

use crate::report::Broken;
use crate::traffic::{STREAM, begin};

/// Calls that are open at the same time.
const OPEN: usize = 30;
const TEAMS: [&str; 4] = ["support", "search", "billing", "growth"];
const MODELS: [&str; 4] = ["gpt-4o-mini", "gpt-4o", "o3-mini", "gpt-4.1"];

pub(super) struct Traffic {
    random: Rng,
    hour: u64,
    number: u64,
    templates: Vec<Template>,
    open: Vec<Open>,
    made: Made,
}

/// A call that has not been answered yet.
struct Open {
    call: Call,
    number: u64,
    model: String,
    ending: u32,
}

/// What the application has made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    pub(super) calls: u64,
    steps: u64,
    evaluations: u64,
}

impl Made {
    pub(super) fn all(self) -> u64 {
        self.calls + self.steps + self.evaluations
    }
}

impl Traffic {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            hour: 0,
            number: 0,
            templates: Vec::new(),
            open: Vec::new(),
            made: Made::default(),
        }
    }

    pub(super) fn made(&self) -> Made {
        self.made
    }

    /// Another hour: new prompts, new versions of the others.
    pub(super) fn turn_to(&mut self, hour: u64) -> Result<(), Broken> {
        self.hour = hour;
        let template = |n: u64| {
            let text = format!("In hour {hour} ({n}), answer in one sentence: {{question}}");
            let name = format!("prompt-{}", n + hour);
            Template::new(name, text).map(|template| template.version(format!("{hour}.{n}")))
        };
        let templates: Result<_, _> = (0..40).map(template).collect();
        self.templates = templates.map_err(Broken::by("no template"))?;
        Ok(())
    }

    /// Makes a call, and answers one that was made before.
    pub(super) fn call(&mut self, llmobs: &Llmobs) -> Result<(), Broken> {
        self.number += 1;
        let number = self.number;
        let scope = scope()
            .recorder(llmobs)
            .session(format!("session-{}", number / 15))
            .user(format!("user-{}", self.random.u32(0..200_000)))
            .tag("team", *self.random.choice(TEAMS.iter()).unwrap_or(&"none"))
            .tag("ticket", format!("T-{number}"));
        scope.run_sync(|| match number % 10 {
            0 => self.with_agent(llmobs),
            1 => {
                self.step(llmobs, StepKind::Retrieval);
                self.begin(llmobs)
            }
            _ => self.begin(llmobs),
        })?;
        if self.random.u32(0..50) == 0 {
            let of = Evaluated::response(format!("chatcmpl-{}", number / 2));
            let evaluation = Evaluation::new("relevance").score(self.random.f64()).of(of);
            llmobs.record(evaluation);
            self.made.evaluations += 1;
        }
        if self.open.len() > OPEN {
            let which = self.random.usize(0..self.open.len());
            self.open.swap_remove(which).answer(&mut self.random, self.hour);
        }
        Ok(())
    }

    /// Answers what is still open.
    pub(super) fn finish(&mut self) {
        for open in std::mem::take(&mut self.open) {
            open.answer(&mut self.random, self.hour);
        }
    }

    /// An agent that asks a tool, and then a model, whose answer it does not wait for.
    fn with_agent(&mut self, llmobs: &Llmobs) -> Result<(), Broken> {
        let agent = llmobs.step(StepKind::Agent, format!("agent-{}", self.random.u32(0..50)));
        self.made.steps += 1;
        let result = agent.run_sync(|| {
            self.step(llmobs, StepKind::Tool);
            self.begin(llmobs)
        });
        agent.end();
        result
    }

    fn step(&mut self, llmobs: &Llmobs, kind: StepKind) {
        let name = format!("tool-{}-{}", self.hour, self.random.u32(0..500));
        let mut step = llmobs.step(kind, name);
        if self.random.u32(0..20) == 0 {
            step.fail(format!("error-{}", self.random.u32(0..200)));
        }
        step.end();
        self.made.steps += 1;
    }

    fn begin(&mut self, llmobs: &Llmobs) -> Result<(), Broken> {
        let Some(template) = self.random.choice(self.templates.iter()).cloned() else {
            return Ok(());
        };
        let question = format!("where is order {}?", self.number);
        let text = template.render([("question", &question)]);
        let text = text.map_err(Broken::by("no text"))?;
        let (model, host) = (self.model(), self.host());
        let temperature = self.random.f32();
        let request = format!(
            r#"{{"model":"{model}","stream":true,"temperature":{temperature:.3},"messages":[{{"role":"user","content":"{text}"}}]}}"#
        );
        let ending = self.random.u32(0..1_000);
        self.made.calls += 1;
        let call = begin(llmobs, &host, request.into());
        let call = call.ok_or_else(|| Broken::new("a call is not observed"))?;
        self.open.push(Open { call, number: self.number, model, ending });
        Ok(())
    }

    /// Usual models, fine-tuned ones that come and go, and now and then one that nobody else asks for.
    fn model(&mut self) -> String {
        match self.random.u32(0..1_000) {
            0 => format!("model-{}", self.number),
            1..500 => format!("ft:gpt-4o-mini:acme::{}-{}", self.hour, self.random.u32(0..100)),
            _ => (*self.random.choice(MODELS.iter()).unwrap_or(&"gpt-4o")).to_owned(),
        }
    }

    fn host(&mut self) -> String {
        match self.random.u32(0..4) {
            0 => format!("{}-{}.gateway.example", self.hour, self.random.u32(0..200)),
            _ => "api.openai.com".to_owned(),
        }
    }
}

impl Open {
    fn answer(self, random: &mut Rng, hour: u64) {
        let Self { call, number, model, ending } = self;
        let error =
            br#"{"error":{"message":"too many","type":"requests","code":"rate_limit_exceeded"}}"#;
        let json = [("content-type", b"application/json".as_slice())];
        if ending < 20 {
            // A limit, and another attempt.
            let mut tap = call.handle().attempt().headers(429, json.into_iter());
            tap.data(&Bytes::from_static(error));
            tap.end(BodyEnd::Complete);
        }
        let attempt = call.handle().attempt();
        match ending {
            20..30 => {
                let status = 500 + random.u16(0..10);
                let mut tap = attempt.headers(status, json.into_iter());
                tap.data(&Bytes::from_static(error));
                call.returned();
                tap.end(BodyEnd::Complete);
            }
            30..40 => call.failed(TransportError::Connect),
            40..50 => drop(call),
            _ => {
                let mut tap = attempt.headers(200, STREAM.into_iter());
                let answer = stream(random, number, hour, &model);
                let whole = Bytes::from(answer);
                let (first, end) = match ending {
                    50..70 => (whole.slice(..whole.len() / 2), BodyEnd::Dropped),
                    70..75 => {
                        let broken = BodyEnd::Failed(TransportError::Broken);
                        (whole.slice(..whole.len() / 2), broken)
                    }
                    75..80 => (whole.slice(..whole.len() - 16), BodyEnd::Complete),
                    _ => (whole, BodyEnd::Complete),
                };
                let reads = random.usize(1..4);
                let size = first.len().div_ceil(reads);
                for at in 0..reads {
                    tap.data(
                        &first.slice(
                            (at * size).min(first.len())..((at + 1) * size).min(first.len()),
                        ),
                    );
                }
                call.returned();
                tap.end(end);
            }
        }
    }
}

/// An answer: a few tokens, now and then the call of a tool.
fn stream(random: &mut Rng, number: u64, hour: u64, model: &str) -> String {
    let fingerprint = format!("fp_{hour}_{}", random.u32(0..300));
    let head = format!(
        "data: {{\"id\":\"chatcmpl-{number}\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\
         \"model\":\"{model}-2026-01-{:02}\",\"system_fingerprint\":\"{fingerprint}\"",
        hour + 1,
    );
    let tokens = random.u64(2..6);
    let mut text = String::with_capacity(2_048);
    // Writing to a text does not fail.
    let mut chunk = |rest: std::fmt::Arguments<'_>| {
        let _ = write!(text, "{head},{rest}}}\n\n");
    };
    for n in 0..tokens {
        chunk(format_args!(
            r#""choices":[{{"index":0,"delta":{{"content":" token{n}"}},"finish_reason":null}}]"#
        ));
    }
    let tool = random.u32(0..5) == 0;
    if tool {
        let name = format!("tool_{hour}_{}", random.u32(0..500));
        chunk(format_args!(
            r#""choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"id":"call_{number}","type":"function","function":{{"name":"{name}","arguments":"{{}}"}}}}]}},"finish_reason":null}}]"#
        ));
    }
    let reason = match random.u32(0..50) {
        0 => "length".to_owned(),
        1 => format!("reason_{}", random.u32(0..100)),
        _ if tool => "tool_calls".to_owned(),
        _ => "stop".to_owned(),
    };
    chunk(format_args!(r#""choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]"#));
    let input = random.u64(10..4_000);
    let total = input + tokens;
    chunk(format_args!(
        r#""choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{tokens},"total_tokens":{total}}}"#
    ));
    text.push_str("data: [DONE]\n\n");
    text
}
