//! Who answers, by the user's word and by the answer's.

use llmobs_core::testing::Recording;
use llmobs_core::{
    BodyEnd, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Headers, ProviderNames,
    Record, Route, Target,
};

/// Knows one host, and believes what a header says.
#[derive(Debug, Default)]
struct Says(Option<String>);

impl Decoder for Says {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        let provider = (target.host == "known.example").then_some("known");
        Some(Route { operation: "chat", api: "says", provider })
    }

    fn deployment<'a>(&self, target: &Target<'a>) -> Option<&'a str> {
        target.path.strip_prefix("/deployments/")
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Says {
    fn headers(&mut self, _: u16, headers: &Headers<'_>) {
        self.0 = headers.get("x-who").map(str::to_owned);
    }

    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts::default()
    }

    fn body(&mut self, _: &[u8]) -> bool {
        true
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        record.provider = self.0.map(Into::into).or(record.provider.take());
        Closing::default()
    }
}

fn record(names: &str, host: &str, port: Option<u16>, who: &[(&str, &[u8])]) -> Record {
    let names: ProviderNames = names.parse().expect("a list of names");
    let recording = Recording::with(|builder| builder.decoder(Says::default()).providers(names));
    let target = Target { method: "POST", host, port, path: "/" };
    let call = recording.recorder().call(CallStart { target, body: None, body_len: None });
    let call = call.expect("the call is observed");
    call.handle().attempt().headers(200, who.iter().copied()).end(BodyEnd::Complete);
    call.returned();
    recording.records().pop().expect("one record")
}

fn provider(names: &str, host: &str, port: u16) -> String {
    record(names, host, Some(port), &[]).provider.expect("somebody answers").into_owned()
}

#[test]
fn the_name_that_fits_best_counts() {
    let names = "llm.internal=whole, .internal=below, .eu.internal=further, llm.internal:8000=port, \
                 [::1]:8080=six, fe80::1=local, LOCALHOST=here, .x:9=both";
    for (host, port, expected) in [
        ("llm.internal", 80, "whole"),
        ("LLM.Internal", 80, "whole"),
        ("llm.internal", 8000, "port"),
        ("other.internal", 80, "below"),
        ("a.eu.internal", 80, "further"),
        ("eu.internal", 80, "below"),
        ("internal", 80, "internal"),
        ("notinternal", 80, "notinternal"),
        ("::1", 8080, "six"),
        ("[::1]", 8080, "six"),
        ("::1", 80, "::1"),
        ("fe80::1", 80, "local"),
        ("localhost", 80, "here"),
        ("a.x", 9, "both"),
        ("a.x", 10, "a.x"),
        ("known.example", 443, "known"),
    ] {
        assert_eq!(provider(names, host, port), expected, "{host}:{port}");
    }
}

#[test]
fn a_name_goes_before_what_decoder_and_answer_say() {
    let mine = "known.example=mine,other.example=other.example";
    assert_eq!(provider(mine, "known.example", 443), "mine");
    let who = [("x-who", b"somebody".as_slice())];
    let provider = |host| record(mine, host, None, &who).provider;
    assert_eq!(provider("known.example").as_deref(), Some("mine"));
    assert_eq!(provider("other.example").as_deref(), Some("other.example"));
    assert_eq!(provider("third.example").as_deref(), Some("somebody"));
}

#[test]
fn the_last_name_of_a_host_counts() {
    assert_eq!(provider("a.b=one,.b=two,A.B=three", "a.b", 1), "three");
}

#[test]
fn what_is_no_host_or_no_name_is_refused() {
    for wrong in [
        "llm",
        "=vllm",
        "llm=",
        "llm= ",
        ".=x",
        "..a=x",
        "a..b=x",
        "a.=x",
        "*.a=x",
        "a/b=x",
        "http://a=x",
        "a b=x",
        "a:port=x",
        "a:70000=x",
        "a:=x",
        "[::1=x",
        "[::1]8=x",
        "ä=x",
        "a=b\u{1b}c",
    ] {
        let err = wrong.parse::<ProviderNames>().expect_err(wrong).to_string();
        assert!(err.starts_with(&format!("{:?} names no provider", wrong.trim())), "{err}");
    }
    assert_eq!(" , ,".parse::<ProviderNames>(), Ok(ProviderNames::new()));
    let long = "n".repeat(129);
    assert!(ProviderNames::new().name("a", &long).is_err());
    let failed = llmobs_core::Builder::new().process_wide(false).provider("", "x").start();
    assert_eq!(failed.expect_err("no host").to_string(), "a provider cannot be named");
}

#[test]
fn a_deployment_in_the_path_is_kept() {
    let recording = Recording::with(|builder| builder.decoder(Says::default()));
    let long = format!("/deployments/{}", "n".repeat(100));
    for path in ["/deployments/d-1", &long, "/chat"] {
        let target = Target { method: "POST", host: "h", port: None, path };
        let call = recording.recorder().call(CallStart { target, body: None, body_len: None });
        call.expect("the call is observed").returned();
    }
    let records = recording.records();
    let named: Vec<_> = records.iter().map(|record| record.deployment.as_deref()).collect();
    assert_eq!(named, [Some("d-1"), long.strip_prefix("/deployments/"), None]);
}
