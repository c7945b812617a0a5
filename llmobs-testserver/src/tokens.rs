//! What counts as a token here.

/// Cuts text into tokens: a word with the white space before it, or a single other character.
///
/// Words are cut after 8 characters, so that counts are of the size real tokenizers give.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut n_word = 0;
    for c in text.chars() {
        let is_word = c.is_alphanumeric();
        let joins = match tokens.last() {
            None => false,
            Some(last) if last.chars().all(char::is_whitespace) => true,
            Some(_) => is_word && (1..8).contains(&n_word),
        };
        match tokens.last_mut() {
            Some(last) if joins => last.push(c),
            _ => {
                tokens.push(c.to_string());
                n_word = 0;
            }
        }
        n_word = if is_word { n_word + 1 } else { 0 };
    }
    tokens
}
