//! Prometheus.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Running, free, until};
use crate::tool::Tool;

/// A Prometheus that scrapes one target, several times a second.
#[derive(Debug)]
pub struct Prometheus {
    at: SocketAddr,
    // Before the folder that it writes to.
    _running: Running,
    _folder: TempDir,
}

/// One time series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, the name of the metric (`__name__`) among them.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of `target`; `None` where there is none.
    pub fn scraping(target: SocketAddr) -> Option<Self> {
        let program = Tool::Prometheus.find()?;
        let folder = TempDir::new().expect("a folder for its files");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\n\
             scrape_configs:\n- job_name: llmobs\n  static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        std::fs::write(&config, text).expect("the folder is ours");
        let (at, running) = until("Prometheus is up", || {
            let at = free();
            let mut command = Command::new(&program);
            command
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address={at}"))
                .arg("--log.level=warn");
            let mut running = Running::start(&mut command, folder.path().join("output"));
            running.listens(at).then_some((at, running))
        });
        let prometheus = Self { at, _running: running, _folder: folder };
        until("Prometheus is ready", || prometheus.get("/-/ready"));
        Some(prometheus)
    }

    /// What an expression gives now.
    pub fn query(&self, expression: &str) -> Vec<Sample> {
        let expression = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let answer = self.json(&format!("/api/v1/query?query={expression}"));
        let result = answer.pointer("/data/result").and_then(Value::as_array);
        let sample = |it: &Value| {
            let labels = it.get("metric")?.as_object()?.iter();
            let labels = labels.filter_map(|(key, value)| Some((key.clone(), text(value)?)));
            let value = it.pointer("/value/1")?.as_str()?.parse().ok()?;
            Some(Sample { labels: labels.collect(), value })
        };
        result.into_iter().flatten().filter_map(sample).collect()
    }

    /// What an expression gives once it gives `enough`.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute.
    #[track_caller]
    pub fn once(&self, expression: &str, enough: impl Fn(&[Sample]) -> bool) -> Vec<Sample> {
        until(expression, || {
            let samples = self.query(expression);
            enough(&samples).then_some(samples)
        })
    }

    /// Type, help and unit of each metric, as Prometheus read them.
    pub fn metadata(&self) -> BTreeMap<String, Value> {
        let answer = self.json("/api/v1/metadata");
        let metrics = answer.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
        metrics.into_iter().filter_map(|(name, all)| Some((name, all.get(0)?.clone()))).collect()
    }

    /// What is wrong with the last scrape; empty when nothing is.
    pub fn scrape_error(&self) -> String {
        let answer = self.json("/api/v1/targets");
        answer.pointer("/data/activeTargets/0/lastError").and_then(text).unwrap_or_default()
    }

    fn json(&self, path: &str) -> Value {
        let body = self.get(path).unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// The body of a good answer.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.at).ok()?;
        // Of HTTP/1.0, whose answers end where the connection does.
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.at).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).is_some_and(|status| status == "200").then(|| body.to_owned())
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
