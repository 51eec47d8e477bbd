//! Options that are one of a few words: each word stands once, and is read, written
//! and named to whoever gave another one.

/// A word that is not among an option's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not known here; use one of: {known}")]
pub struct UnknownWord {
    /// The word.
    pub word: String,
    /// The option's words.
    pub known: &'static str,
}

/// Reads and writes an enum as the words of its variants.
macro_rules! words {
    ($option:ident: $first:literal => $variant:ident $(, $word:literal => $other:ident)*) => {
        impl std::str::FromStr for $option {
            type Err = $crate::transform::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $first => Ok(Self::$variant),
                    $($word => Ok(Self::$other),)*
                    _ => Err($crate::transform::UnknownWord {
                        word: word.to_owned(),
                        known: concat!($first $(, ", ", $word)*),
                    }),
                }
            }
        }

        impl std::fmt::Display for $option {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    Self::$variant => $first,
                    $(Self::$other => $word,)*
                })
            }
        }
    };
}
pub(super) use words;
