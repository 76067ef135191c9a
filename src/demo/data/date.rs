//! Days and moments as the demo's backends write them. No calendar arithmetic beyond what they need.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

/// A day; displayed as the microservices write it: `2024-12-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Of the common era.
    pub year: u32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Date {
    /// As the monolith writes it: `31.12.2024`.
    #[must_use]
    pub fn dotted(&self) -> String {
        format!("{:02}.{:02}.{:04}", self.day, self.month, self.year)
    }

    /// The day that is `days` after 1 January 1970, by counting years of 400-year cycles from 1 March.
    fn from_epoch_days(days: u64) -> Self {
        let shifted = days + 719_468;
        let cycle_day = shifted % 146_097;
        let cycle_year = (cycle_day - cycle_day / 1_460 + cycle_day / 36_524 - cycle_day / 146_096) / 365;
        let year_day = cycle_day - (365 * cycle_year + cycle_year / 4 - cycle_year / 100);
        let month_from_march = (5 * year_day + 2) / 153;
        let day = year_day - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = cycle_year + 400 * (shifted / 146_097) + u64::from(month <= 2);
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Date { year: narrow(year), month: narrow(month), day: narrow(day) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A moment, to the second; displayed as `2024-12-31T23:59:59Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The day, UTC.
    pub date: Date,
    /// Of that day, in seconds.
    pub second: u32,
}

impl Moment {
    /// The moment at which it is called.
    #[must_use]
    pub fn now() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Moment {
            date: Date::from_epoch_days(seconds / 86_400),
            second: u32::try_from(seconds % 86_400).unwrap_or(0),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = (self.second / 3_600, self.second / 60 % 60, self.second % 60);
        write!(out, "{}T{hour:02}:{minute:02}:{second:02}Z", self.date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_since_the_epoch_are_dates() {
        for (days, date) in
            [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_454, "2026-01-01")]
        {
            assert_eq!(Date::from_epoch_days(days).to_string(), date);
        }
    }

    #[test]
    fn each_house_writes_dates_its_own_way() {
        let date = Date { year: 2024, month: 2, day: 9 };
        assert_eq!(date.to_string(), "2024-02-09");
        assert_eq!(date.dotted(), "09.02.2024");
        assert_eq!(Moment { date, second: 3_661 }.to_string(), "2024-02-09T01:01:01Z");
    }
}
