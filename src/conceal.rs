//! The last line that secrets do not pass: whatever is shown, logged or kept as text
//! goes through [`conceal`], which takes out every secret that this process was
//! given, because a service may answer with what it was sent. Secrets are wrapped so
//! that nothing of ours prints them in the first place.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

/// Shorter ones are words that stand in any text by chance.
const SHORTEST: usize = 8;
/// What stands in a secret's place.
const CONCEALED: &str = "[secret]";

static SECRETS: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// From now on this is concealed, as it is and as JSON and addresses write it; but
/// not where it has fewer than eight characters.
pub fn keep_secret(secret: &str) {
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms(secret.trim()) {
        let known = secrets.iter().any(|known| known.expose_secret() == form);
        if form.len() >= SHORTEST && !known {
            secrets.push(form.into());
        }
    }
    // The longer first: a shorter one may be a part of it.
    secrets.sort_by_key(|known| std::cmp::Reverse(known.expose_secret().len()));
}

fn forms(secret: &str) -> [String; 3] {
    let json = serde_json::to_string(secret).unwrap_or_default();
    [
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
    ]
}

/// The text without secrets.
pub fn conceal(text: &str) -> Cow<'_, str> {
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    let mut shown = Cow::Borrowed(text);
    for secret in secrets.iter().map(|secret| secret.expose_secret()) {
        if shown.contains(secret) {
            shown = Cow::Owned(shown.replace(secret, CONCEALED));
        }
    }
    shown
}

/// The beginning of a longer text without secrets, also where one is cut off at its
/// end.
pub fn conceal_cut(text: &str) -> Cow<'_, str> {
    let shown = conceal(text);
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    let begun = |secret: &str| {
        let cuts = secret.char_indices().map(|(at, _)| at).rev();
        cuts.take_while(|at| *at >= SHORTEST)
            .find(|at| shown.ends_with(&secret[..*at]))
    };
    let longest = secrets
        .iter()
        .filter_map(|secret| begun(secret.expose_secret()));
    match longest.max() {
        Some(bytes) => Cow::Owned(format!("{}{CONCEALED}", &shown[..shown.len() - bytes])),
        None => shown,
    }
}

/// Writes what another writer is to have, without secrets; takes whole lines.
#[derive(Debug)]
pub struct Concealing<W>(pub W);

impl<W: Write> Write for Concealing<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(text) {
            Ok(shown) => self.0.write_all(conceal(shown).as_bytes())?,
            Err(_) => self.0.write_all(text)?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_concealed_in_every_form_it_is_written_in() {
        keep_secret("an/odd \"secret\" of this test");
        for text in [
            "Bearer an/odd \"secret\" of this test!",
            r#"{"token":"an/odd \"secret\" of this test"}"#,
            "?key=an%2Fodd%20%22secret%22%20of%20this%20test",
        ] {
            let shown = conceal(text);
            assert!(
                shown.contains(CONCEALED) && !shown.contains("odd"),
                "{shown}"
            );
        }
        assert!(matches!(conceal("nothing to hide"), Cow::Borrowed(_)));
    }

    #[test]
    fn one_that_is_cut_off_is_concealed_too() {
        keep_secret("cut-off-secret-of-this-test");
        assert_eq!(conceal_cut("x cut-off-secret-of"), "x [secret]");
        assert_eq!(conceal_cut("x cut-off"), "x cut-off", "no more than words");
        assert_eq!(conceal_cut("x cut-off-secret-of-this-test"), "x [secret]");
    }

    #[test]
    fn words_are_no_secrets() {
        keep_secret("token");
        assert_eq!(conceal("the token is wrong"), "the token is wrong");
    }

    #[test]
    fn a_writer_has_whole_lines_without_secrets() {
        keep_secret("written-secret-of-this-test");
        let mut out = Concealing(Vec::new());
        out.write_all(b"a written-secret-of-this-test b\n").unwrap();
        out.write_all(&[0xff, 0xfe]).unwrap();
        assert_eq!(out.0, b"a [secret] b\n\xff\xfe");
    }
}
