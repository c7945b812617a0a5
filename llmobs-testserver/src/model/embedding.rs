//! Embeddings that are near each other where texts share words.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::model::noise::hash;
use crate::model::words::stems;
use crate::model::{Problem, requested_model};
use crate::tokens::tokens;

const DEFAULT_DIMENSIONS: usize = 64;
const MAX_DIMENSIONS: usize = 3072;

/// Answers a request for embeddings.
pub(super) fn answer(request: &Value) -> Result<Answer, Problem> {
    let model = requested_model(request)?;
    let dimensions = match &request["dimensions"] {
        Value::Null => DEFAULT_DIMENSIONS,
        wanted => wanted
            .as_u64()
            .and_then(|wanted| usize::try_from(wanted).ok())
            .filter(|wanted| (1..=MAX_DIMENSIONS).contains(wanted))
            .ok_or(Problem {
                message: "dimensions must be from 1 to 3072",
                param: Some("dimensions"),
            })?,
    };
    let inputs = inputs(&request["input"]).ok_or(Problem {
        message: "input must be text, tokens or lists of them",
        param: Some("input"),
    })?;
    let as_base64 = request["encoding_format"] == "base64";
    let n_tokens: usize = inputs.iter().map(|input| input.n_tokens).sum();
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(&input.words, dimensions);
            let embedding = if as_base64 {
                Value::from(base64(&little_endian(&vector)))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    Ok(Answer::json(
        200,
        &json!({
            "object": "list",
            "data": data,
            "model": model,
            "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
        }),
    ))
}

struct Input {
    words: Vec<String>,
    n_tokens: usize,
}

/// A text, several, a list of token numbers, or several of those.
fn inputs(input: &Value) -> Option<Vec<Input>> {
    match input {
        Value::String(_) => Some(vec![one(input)?]),
        Value::Array(items) if items.first()?.is_u64() => Some(vec![one(input)?]),
        Value::Array(items) => items.iter().map(one).collect(),
        _ => None,
    }
}

fn one(input: &Value) -> Option<Input> {
    match input {
        Value::String(text) => Some(Input { words: stems(text), n_tokens: tokens(text).len() }),
        Value::Array(numbers) => {
            let words = numbers.iter().map(|number| number.as_u64().map(|n| n.to_string()));
            Some(Input { words: words.collect::<Option<_>>()?, n_tokens: numbers.len() })
        }
        _ => None,
    }
}

/// A sum of one pseudo-random direction a word, of length 1.
fn vector(words: &[String], dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    for word in words {
        let hash = hash(word.as_bytes());
        // Two axes a word, so that two words seldom fall together.
        for half in [hash & 0xffff_ffff, hash >> 32] {
            let sign = if half & 1 == 0 { 1.0 } else { -1.0 };
            if let Some(value) = vector.get_mut((half >> 1) as usize % dimensions) {
                *value += sign;
            }
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    } else if let Some(first) = vector.first_mut() {
        *first = 1.0;
    }
    vector
}

fn little_endian(vector: &[f32]) -> Bytes {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * at) & 63) as usize);
            let letter = letter.filter(|_| at <= three.len()).map_or('=', |l| char::from(*l));
            text.push(letter);
        }
    }
    text
}
