//! How many columns of a terminal a text takes, so that marks stand below what they mark. For diagnostics: a few ranges
//! of Unicode's tables, not all of them.

/// Characters that stand over or under the one before them, or show nothing.
const NONE: &[(char, char)] = &[
    ('\u{300}', '\u{36f}'),
    ('\u{483}', '\u{489}'),
    ('\u{591}', '\u{5bd}'),
    ('\u{610}', '\u{61a}'),
    ('\u{64b}', '\u{65f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{20d0}', '\u{20f0}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{fe20}', '\u{fe2f}'),
    ('\u{feff}', '\u{feff}'),
];

/// Characters of East Asian scripts and pictures, which take two columns.
const TWO: &[(char, char)] = &[
    ('\u{1100}', '\u{115f}'),
    ('\u{2e80}', '\u{303e}'),
    ('\u{3041}', '\u{a4cf}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe30}', '\u{fe6f}'),
    ('\u{ff00}', '\u{ff60}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{1f300}', '\u{1f64f}'),
    ('\u{1f680}', '\u{1f6ff}'),
    ('\u{1f900}', '\u{1faff}'),
    ('\u{20000}', '\u{3fffd}'),
];

/// The columns of a text without controls.
pub(super) fn columns(text: &str) -> usize {
    let within = |table: &[(char, char)], c: char| table.iter().any(|(from, to)| (*from..=*to).contains(&c));
    text.chars()
        .map(|c| {
            if within(NONE, c) {
                0
            } else if within(TWO, c) {
                2
            } else {
                1
            }
        })
        .sum()
}
