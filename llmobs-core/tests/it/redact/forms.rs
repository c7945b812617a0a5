//! Each detector: what it must find, and what it must leave.

use llmobs_core::{Detector, Redact};

/// Texts with what is to be found in `{}`, and texts with nothing in them.
fn check(detector: Detector, found: &[&str], left: &[&str]) {
    let redact = Redact::none().with(detector);
    for marked in found {
        let text = marked.replace(['⟦', '⟧'], "");
        let mut expected = String::new();
        let mut rest = *marked;
        while let Some((before, after)) = rest.split_once('⟦') {
            let (_, after) = after.split_once('⟧').expect("what is opened is closed");
            expected.push_str(&format!("{before}[redacted:{detector}]"));
            rest = after;
        }
        expected.push_str(rest);
        assert_ne!(text, expected, "the test says what is to be found");
        assert_eq!(redact.text(&text), expected);
    }
    for text in left {
        assert_eq!(redact.text(text), *text);
    }
}

#[test]
fn addresses_of_e_mail() {
    check(
        Detector::Email,
        &[
            "⟦bob@example.com⟧",
            "Write to ⟦first.last+tag@mail.example.co.uk⟧.",
            "<⟦a@b.de⟧>, (⟦o'neil_7@x-y.org⟧)",
            "mailto:⟦bob@example.com⟧?subject=hi",
            "⟦jürgen@exämple.de⟧",
            "邮箱是⟦bob@example.com⟧谢谢",
            r"line\n⟦bob@example.com⟧\nnext",
            "postgres://app:⟦secret@db.example.com⟧/shop",
            "'⟦bob@example.com⟧'",
            "⟦bob@example.com⟧-old and ⟦x@y.io⟧",
        ],
        &[
            "user@localhost",
            "@example.com",
            "look at icon@2x.png",
            "git@github.com:rust-lang/rust.git",
            "npm i @types/node@20.1.2",
            "5 apples @ 3.50",
            "https://example.com/@bob",
            "a@b",
        ],
    );
}

#[test]
fn telephone_numbers() {
    check(
        Detector::Phone,
        &[
            "call ⟦+49 30 1234567⟧",
            "⟦+14155550132⟧",
            "tel:⟦+1 (415) 555-0132⟧, now",
            "⟦+44 20 7946 0958⟧.",
            "⟦(415) 555-0132⟧",
            "⟦415-555-0132⟧ or ⟦415.555.0132⟧",
            r"\n⟦+33 1 23 45 67 89⟧",
        ],
        &[
            "2026-11-22T05:38:09+02:00",
            "x+12345678",
            "1+123456789012",
            "+0123456789",
            "+100 points",
            "123-456-7890-1234",
            "0.415.555.0132",
            "115-555-0132",
            "++14155550132",
            "+12345678901234567890",
        ],
    );
}

#[test]
fn payment_cards() {
    check(
        Detector::Card,
        &[
            "⟦4111111111111111⟧",
            "⟦4111 1111 1111 1111⟧ 12/26",
            "⟦5555-5555-5555-4444⟧,",
            "amex ⟦3782 822463 10005⟧",
            "⟦378282246310005⟧",
            "⟦6011111111111117⟧ ⟦3530111333300000⟧",
            "⟦30569309025904⟧",
            "⟦2223003122003222⟧",
            "No 12: ⟦4242 4242 4242 4242⟧",
        ],
        &[
            "4111111111111112",
            "4111 1111 1111 1112",
            "1716239022000",
            "0.4111111111111111",
            "1234567812345670",
            "id_4111111111111111",
            "41111111111111111111111",
            "4111-1111 1111-1111",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "0000000000000000",
        ],
    );
}

#[test]
fn bank_accounts() {
    check(
        Detector::Iban,
        &[
            "⟦DE89370400440532013000⟧",
            "⟦DE89 3704 0044 0532 0130 00⟧.",
            "IBAN:⟦GB29 NWBK 6016 1331 9268 19⟧",
            "⟦fr1420041010050500013m02606⟧",
            "⟦NO9386011117947⟧ and ⟦CH93-0076-2011-6238-5295-7⟧",
        ],
        &[
            "DE88370400440532013000",
            "DE8937040044053201300",
            "XX89370400440532013000",
            "DE89370400440532013000X",
            "MODE89370400440532013000",
            "DE89 37 04004405 32013000",
        ],
    );
}

#[test]
fn social_security_numbers() {
    check(
        Detector::Ssn,
        &["⟦078-05-1120⟧", "SSN: ⟦219-09-9999⟧.", "(⟦899-99-9999⟧)"],
        &[
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "123-45-67890",
            "0123-45-6789",
            "123456789",
            "2026-11-2200",
            "1-123-45-6789",
        ],
    );
}

#[test]
fn addresses_of_hosts() {
    check(
        Detector::Ip,
        &[
            "from ⟦203.0.113.9⟧:443",
            "⟦10.1.2.3⟧.",
            "⟦2001:db8::8a2e:370:7334⟧",
            "[⟦fe80::1⟧]:80",
            "⟦2001:0db8:85a3:0000:0000:8a2e:0370:7334⟧",
            "::ffff:1.2.3.4 is ⟦1.2.3.4⟧".replace("::ffff:1.2.3.4", "⟦::ffff:1.2.3.4⟧").as_str(),
            "addr:⟦2001:db8::1⟧.",
        ],
        &[
            "127.0.0.1",
            "::1",
            "0.0.0.0:80",
            "255.255.255.0",
            "Chrome/120.0.0.0",
            "1.2.3.4.5",
            "256.1.1.1",
            "12:30:45",
            "std::vec::Vec",
            "a1::b2",
            "add::face",
            "aa:bb:cc:dd:ee:ff",
            "v1.2.3.4",
        ],
    );
}

#[test]
fn keys_of_services() {
    let forty = "a1B2c3D4e5".repeat(4);
    let of = |prefix: &str, len: usize| format!("⟦{prefix}{}⟧", &forty[..len]);
    check(
        Detector::Key,
        &[
            "⟦sk-proj-abcDEF123_456-ghiJKL789⟧",
            r"key:\n⟦sk-ant-api03-abcdefghij0123456789⟧",
            "OPENAI_API_KEY=⟦sk-abcdefghijklmnop1234⟧;",
            &of("ghp_", 36),
            &of("gsk_", 40),
            &of("AIza", 35),
            &of("hf_", 34),
            "⟦AKIAIOSFODNN7EXAMPLE⟧",
            "⟦github_pat_11ABCDEFG0abcdefghij_kl⟧",
            "⟦xoxb-123456789012-abcdefABCDEF⟧",
            "⟦sk_live_4eC39HqLyjWDarjtT1zdp7dc⟧",
        ],
        &[
            "sk-test",
            "sk-learn-is-a-library-for-learning",
            "task-abcdefghijklmnop12345678",
            "AKIAIOSFODNN7EXAMPLEX",
            "AKIAshort",
            "ghp_short1",
            "the ask-1234567890123456789012",
        ],
    );
}

#[test]
fn tokens() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
    check(
        Detector::Token,
        &[
            &format!("⟦{token}⟧"),
            &format!("token={token};").replace(token, &format!("⟦{token}⟧")),
            "Authorization: Bearer ⟦abc123DEF456ghi789⟧",
            "bearer ⟦0123456789abcdef==⟧",
        ],
        &[
            "the bearer of this letter",
            "Bearer authentication-is-common",
            "eyJ is base64",
            "Bearer short1",
            "Forbearer abc",
        ],
    );
}

#[test]
fn private_keys() {
    check(
        Detector::PrivateKey,
        &[
            "a\n⟦-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----⟧\nb",
            r"⟦-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----⟧ x",
            "cut: ⟦-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn⟧",
        ],
        &[
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
            "----- BEGIN -----",
        ],
    );
}
