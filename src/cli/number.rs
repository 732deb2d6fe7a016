//! Whole numbers as they are typed: a refusal says which are accepted.

use std::fmt::Display;
use std::str::FromStr;

/// A number of at least `least`.
pub(crate) fn from<T>(least: T) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Copy,
{
    move |text| {
        let number = text.parse().ok().filter(|number| *number >= least);
        number.ok_or_else(|| format!("write a whole number from {least} on"))
    }
}

/// A number of at least `least` and at most `most`.
pub(crate) fn between<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Copy,
{
    move |text| {
        let number = text.parse().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("write a whole number from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_or_out_of_reach_is_told_which_are_accepted() {
        let count = from(1_u32);
        assert_eq!(count("1"), Ok(1));
        for wrong in ["", "x", "0", "-1", "1.5", "99999999999"] {
            let why = count(wrong).unwrap_err();
            assert_eq!(why, "write a whole number from 1 on", "{wrong}");
        }
        let jobs = between(1_u16, 1024);
        assert_eq!((jobs("1"), jobs("1024")), (Ok(1), Ok(1024)));
        for wrong in ["x", "0", "1025", "70000"] {
            let why = jobs(wrong).unwrap_err();
            assert_eq!(why, "write a whole number from 1 to 1024", "{wrong}");
        }
    }
}
