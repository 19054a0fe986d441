//! Lists that come in pages.

use clap::Args;

use crate::failure::Failure;
use crate::output::note;

const PAGE_MAX: u64 = 1_000;

/// How much of a list is wanted.
#[derive(Debug, Clone, Args)]
pub struct ListingArgs {
    /// Show at most so many; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
}

impl ListingArgs {
    /// How many are wanted at most.
    pub fn most(&self) -> usize {
        match self.limit {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }

    /// Reads pages until there is enough; says whether there is more. `page` takes a size and a token, and gives
    /// a page and the token of the next.
    pub async fn gather<T, P>(
        &self,
        page: impl Fn(i32, String) -> P,
    ) -> Result<(Vec<T>, bool), Failure>
    where
        P: Future<Output = Result<(Vec<T>, String), Failure>>,
    {
        let wanted = self.most() as u64;
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let left = wanted - found.len() as u64;
            let (mut items, next) = page(left.min(PAGE_MAX) as i32, token).await?;
            items.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            found.append(&mut items);
            if next.is_empty() {
                return Ok((found, false));
            }
            if found.len() as u64 == wanted {
                return Ok((found, true));
            }
            token = next;
        }
    }

    /// Says on stderr that the list goes on.
    pub fn tell_more(&self, more: bool) {
        if more {
            note(&format!("the first {}; --limit 0 shows all", self.limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages over ten numbers, three at most.
    async fn page(size: i32, token: String) -> Result<(Vec<u64>, String), Failure> {
        let start: u64 = token.parse().unwrap_or(0);
        let end = (start + (size as u64).min(3)).min(10);
        let next = if end < 10 {
            end.to_string()
        } else {
            String::new()
        };
        Ok(((start..end).collect(), next))
    }

    fn gather(limit: u64) -> (usize, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let (found, more) = runtime
            .block_on(ListingArgs { limit }.gather(page))
            .expect("it reads");
        (found.len(), more)
    }

    #[test]
    fn pages_are_read_until_there_is_enough() {
        assert_eq!(gather(5), (5, true));
        assert_eq!(gather(10), (10, false));
        assert_eq!(gather(0), (10, false));
        assert_eq!(gather(50), (10, false));
    }
}
