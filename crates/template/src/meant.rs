//! What somebody meant who wrote a name that there is not.

use reading::near_miss;

/// “did you mean …?”, or the whole list.
pub(crate) fn meant_or_listed(word: &str, known: &[&str], intro: &str) -> String {
    near_miss(word, known).map_or_else(
        || format!("{intro} {}", known.join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    )
}
