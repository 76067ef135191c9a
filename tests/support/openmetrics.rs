//! A strict reader of the OpenMetrics text format (1.0): what it lets pass every scraper reads. Not for protobuf, exemplars or
//! timestamps, which Ficus does not write.

use std::collections::{BTreeMap, BTreeSet};

/// Values by sample, as `name{label="value",…}` with the labels in the order of their names.
pub(crate) type Samples = BTreeMap<String, f64>;

/// Bounds and cumulative counts, and the count that is stated.
type Histogram = (Vec<(f64, f64)>, Option<f64>);

/// A metric family that is being read.
#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    has_samples: bool,
    /// By labels without `le`: bounds and cumulative counts, and the count that the family states.
    histograms: BTreeMap<String, Histogram>,
}

/// Reads a page.
///
/// # Errors
/// The first line that breaks a rule, and which.
pub(crate) fn parse(page: &str) -> Result<Samples, String> {
    let body = page.strip_suffix("# EOF\n").ok_or("the page does not end with `# EOF`")?;
    let mut samples = Samples::new();
    let mut families = BTreeSet::new();
    let mut family = Family::default();
    for line in body.split_terminator('\n') {
        let fault = |what: &str| format!("{what}: {line}");
        if let Some(metadata) = line.strip_prefix("# ") {
            let mut words = metadata.splitn(3, ' ');
            let (keyword, name, text) =
                (words.next(), words.next().unwrap_or(""), words.next().unwrap_or(""));
            if name != family.name {
                family.end()?;
                if !is_name(name) || !families.insert(name.to_owned()) {
                    return Err(fault("not a name, or a family in two parts"));
                }
                family = Family { name: name.to_owned(), ..Family::default() };
            }
            if family.has_samples {
                return Err(fault("metadata behind samples"));
            }
            match keyword {
                Some("HELP") if !text.is_empty() => {}
                Some("TYPE") if ["counter", "gauge", "histogram", "info"].contains(&text) => {
                    family.kind = text.to_owned();
                }
                Some("UNIT") if name.ends_with(&format!("_{text}")) => {}
                _ => return Err(fault("not metadata")),
            }
            continue;
        }
        let (name, labels, value) = sample(line).ok_or_else(|| fault("not a sample"))?;
        family.has_samples = true;
        family.take(name, &labels, value).map_err(|what| fault(&what))?;
        let shown: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        if samples.insert(format!("{name}{{{}}}", shown.join(",")), value).is_some() {
            return Err(fault("a sample twice"));
        }
    }
    family.end()?;
    Ok(samples)
}

impl Family {
    fn take(&mut self, name: &str, labels: &BTreeMap<String, String>, value: f64) -> Result<(), String> {
        let suffix = name.strip_prefix(&*self.name).ok_or("a sample of another family")?;
        match (&*self.kind, suffix) {
            ("counter", "_total") | ("histogram", "_sum") if value >= 0.0 && value.is_finite() => {}
            ("gauge", "") => {}
            ("info", "_info") if value == 1.0 => {}
            ("histogram", "_count" | "_bucket") if value >= 0.0 && value.fract() == 0.0 => {
                let others: Vec<String> = labels
                    .iter()
                    .filter(|(name, _)| *name != "le")
                    .map(|label| format!("{label:?}"))
                    .collect();
                let (buckets, count) = self.histograms.entry(others.concat()).or_default();
                match labels.get("le") {
                    Some(bound) if suffix == "_bucket" => {
                        let bound = if bound == "+Inf" { Ok(f64::INFINITY) } else { bound.parse() };
                        buckets.push((bound.map_err(|_| "not a bound")?, value));
                    }
                    None if suffix == "_count" => *count = Some(value),
                    _ => return Err("`le` belongs to buckets, and to them only".to_owned()),
                }
            }
            _ => return Err(format!("not what a {} has", self.kind)),
        }
        Ok(())
    }

    fn end(&self) -> Result<(), String> {
        for (labels, (buckets, count)) in &self.histograms {
            let rising = buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
            let last = buckets.last().copied();
            if !rising || last != count.map(|count| (f64::INFINITY, count)) {
                return Err(format!("the buckets of {} {labels} are not a histogram", self.name));
            }
        }
        Ok(())
    }
}

/// `name{labels} value`
fn sample(line: &str) -> Option<(&str, BTreeMap<String, String>, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inside.split_once("=\"")?;
            let mut value = String::new();
            let mut letters = after.char_indices();
            let end = loop {
                match letters.next()? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match letters.next()?.1 {
                        'n' => '\n',
                        letter @ ('\\' | '"') => letter,
                        _ => return None,
                    }),
                    (_, letter) => value.push(letter),
                }
            };
            if !is_name(label) || label.contains(':') || labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            inside = &after[end + 1..];
            match inside.strip_prefix(',') {
                Some(next) => inside = next,
                None => break,
            }
        }
        rest = inside.strip_prefix('}')?;
    }
    let value = rest.strip_prefix(' ')?;
    (is_name(name) && !value.contains(' ')).then_some(())?;
    Some((name, labels, value.parse().ok()?))
}

fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

#[test]
fn a_page_is_read() {
    let page = "# HELP a_seconds Help.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
                a_seconds_sum{b=\"x\\\"\\\\\\n\"} 0.5\na_seconds_count{b=\"x\\\"\\\\\\n\"} 2\n\
                a_seconds_bucket{le=\"0.1\",b=\"x\\\"\\\\\\n\"} 1\na_seconds_bucket{le=\"+Inf\",b=\"x\\\"\\\\\\n\"} 2\n\
                # HELP c Help.\n# TYPE c counter\nc_total 3\n# EOF\n";
    let samples = parse(page).unwrap();
    assert_eq!(samples["c_total{}"], 3.0);
    assert_eq!(samples["a_seconds_bucket{b=\"x\"\\\n\",le=\"0.1\"}"], 1.0);
}

#[test]
fn what_a_scraper_would_stumble_over_is_refused() {
    let head = "# HELP c Help.\n# TYPE c counter\n";
    for (body, why) in [
        ("c 1\n", "no _total"),
        ("c_total -1\n", "negative"),
        ("c_total 1\nc_total 1\n", "twice"),
        ("c_total{a=\"1\",a=\"2\"} 1\n", "a label twice"),
        ("c_total{a=\"\\x\"} 1\n", "an escape that is none"),
        ("c_total{a=\"1\n\"} 1\n", "a raw line break"),
        ("d_total 1\n", "another family"),
        ("c_total 1\n# HELP c Again.\n", "metadata behind samples"),
        ("c_total\n", "no value"),
        ("c_total  1\n", "two spaces"),
    ] {
        assert!(parse(&format!("{head}{body}# EOF\n")).is_err(), "{why}");
    }
    assert!(parse("").is_err() && parse("# EOF\nc_total 1\n").is_err());
    let histogram = "# HELP h Help.\n# TYPE h histogram\n";
    for buckets in [
        "h_bucket{le=\"1\"} 1\nh_count 1\n",
        "h_bucket{le=\"+Inf\"} 2\nh_count 1\n",
        "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n",
    ] {
        assert!(parse(&format!("{histogram}{buckets}# EOF\n")).is_err(), "{buckets}");
    }
}
