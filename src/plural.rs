//! One or several: the form of a word that fits how many there are.

use std::fmt::Display;

/// How many, and of what: `1 slot`, `0 slots`, `2 slots`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(
    count: N,
    one: &str,
    several: &str,
) -> String {
    let form = form(count, one, several);
    format!("{count} {form}")
}

/// `one` where there is one, else `several`.
pub fn form<'a, N: Copy + PartialEq + From<u8>>(
    count: N,
    one: &'a str,
    several: &'a str,
) -> &'a str {
    if count == N::from(1) { one } else { several }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_else_is_several() {
        let policies = |count: usize| counted(count, "policy", "policies");
        assert_eq!(
            [0, 1, 2, 21].map(policies),
            ["0 policies", "1 policy", "2 policies", "21 policies"]
        );
        assert_eq!(form(1_i64, "is", "are"), "is");
        assert_eq!(form(-1_i64, "is", "are"), "are");
    }
}
