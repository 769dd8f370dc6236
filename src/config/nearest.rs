//! The known name that was probably meant.

/// The known name with the fewest typing mistakes (a wrong, missing, extra or swapped letter each count one), if it has
/// few enough for its length. Names of unlike length are not even compared, so a long text costs nothing.
pub fn nearest<'a>(wrote: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrote: Vec<char> = wrote.chars().map(|c| c.to_ascii_lowercase()).take(65).collect();
    let allowed = match wrote.len() {
        0 | 1 => return None,
        2..=4 => 1,
        5..=8 => 2,
        9..=64 => 3,
        _ => return None,
    };
    let judged = known.into_iter().filter_map(|name| {
        let letters: Vec<char> = name.chars().map(|c| c.to_ascii_lowercase()).collect();
        let near = letters.len().abs_diff(wrote.len()) <= allowed;
        let mistakes = if near { mistakes(&wrote, &letters) } else { usize::MAX };
        (mistakes <= allowed).then_some((mistakes, name))
    });
    judged.min().map(|(_, name)| name)
}

/// Optimal string alignment distance.
fn mistakes(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let wrong = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = wrong.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_are_seen_and_unlike_names_are_not() {
        let known = ["claude", "codex", "opencode", "demo"];
        for (wrote, meant) in [
            ("claud", Some("claude")),
            ("cluade", Some("claude")),
            ("Claude", Some("claude")),
            ("opncode", Some("opencode")),
            ("demmo", Some("demo")),
            ("gemini", None),
            ("x", None),
            ("", None),
            (&"c".repeat(1_000_000), None),
        ] {
            assert_eq!(nearest(wrote, known), meant, "{}", &wrote[..wrote.len().min(20)]);
        }
    }
}
