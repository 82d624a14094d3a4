//! The known word nearest to a mistyped one, for hints.

/// The candidate nearest to `word`, where one is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).collect();
    let reach = (word.len() / 3).max(1);
    let distances = candidates.into_iter().map(|c| (distance(&word, c), c));
    distances.filter(|(d, _)| *d <= reach).min().map(|(_, c)| c)
}

/// Letters to change, add, leave out or swap with their neighbour (optimal string alignment), row by row.
fn distance(word: &[char], candidate: &str) -> usize {
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=word.len()).collect();
    let mut before = None;
    for (i, letter) in candidate.chars().take(64).enumerate() {
        let mut next = vec![i + 1];
        for (j, wanted) in word.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&row, j) + usize::from(*wanted != letter)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            if j > 0 && before == Some(*wanted) && word.get(j - 1) == Some(&letter) {
                best = best.min(at(&above, j - 1).saturating_add(1));
            }
            next.push(best);
        }
        above = std::mem::replace(&mut row, next);
        before = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_far_away() {
        let known = ["interfaces", "promiscuous", "filter"];
        assert_eq!(nearest("interface", known), Some("interfaces"));
        assert_eq!(nearest("promiscous", known), Some("promiscuous"));
        assert_eq!(nearest("flter", known), Some("filter"));
        assert_eq!(nearest("chta", ["chat", "code"]), Some("chat"));
        assert_eq!(nearest("snaplen", known), None);
        assert_eq!(nearest("", []), None);
    }

    #[test]
    fn counts_letters() {
        let d = |a: &str, b| distance(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!((d("kitten", "sitting"), d("", "abc"), d("abc", ""), d("abc", "abc")), (3, 3, 3, 0));
    }
}
