//! Writes what was measured: Markdown for people, JSON for programs.

use std::{
    fmt::{self, Write as _},
    fs,
};

use serde_json::{Value, json};

use crate::{
    contenders::BASELINE,
    measure::{Measured, OfAll, Options, Sample},
    plot,
    statistics::{Figure, Ratio},
    workloads::Workload,
};

/// What the rounds of one contender in one workload come to.
pub struct Row {
    pub cpu_us: Figure,
    /// To the baseline, round by round.
    pub ratio: Option<Ratio>,
    p99_ratio: Option<Ratio>,
    per_second: Figure,
    p50_ms: Figure,
    pub p99_ms: Figure,
    pub calls: Figure,
    failed_percent: Figure,
    pub peak_memory_mb: f64,
}

/// A line of the tables: a row, or why there is none.
pub type Line<'a> = (&'a str, Result<Row, String>);

/// Writes `figures.md`, `figures.json` and the plots.
pub fn write(options: &Options, measured: &[OfAll]) -> anyhow::Result<()> {
    let workloads = all_lines(measured);
    let file = |name: &str| options.setup.out.join(name);
    fs::write(file("figures.md"), tables(&workloads)?)?;
    fs::write(file("figures.json"), format!("{:#}\n", json(options, &workloads)))?;
    for (workload, lines) in &workloads {
        if workload.name == "q1" {
            fs::write(file("q1.svg"), plot::cpu(lines))?;
        }
    }
    fs::write(file("ratios.svg"), plot::ratios(&workloads))?;
    Ok(())
}

/// What `figures.md` holds: an overview, and all figures.
pub fn markdown(measured: &[OfAll]) -> Result<String, fmt::Error> {
    tables(&all_lines(measured))
}

fn tables(workloads: &[(&Workload, Vec<Line<'_>>)]) -> Result<String, fmt::Error> {
    Ok(format!("{}\n{}", overview(workloads)?, details(workloads)?))
}

fn all_lines(measured: &[OfAll]) -> Vec<(&Workload, Vec<Line<'_>>)> {
    measured.iter().map(|(workload, of_all)| (workload, lines(of_all))).collect()
}

/// A line for each contender, held against the baseline.
pub fn lines(of_all: &[Measured]) -> Vec<Line<'_>> {
    let baseline = of_all.iter().find(|measured| measured.contender == BASELINE.name);
    let baseline = baseline.and_then(|measured| measured.outcome.as_ref().ok());
    let baseline = baseline.map_or(&[][..], |(samples, _)| samples);
    let line = |measured: &Measured| match &measured.outcome {
        Ok((samples, peak)) => Ok(row(samples, baseline, *peak)),
        Err(reason) => Err(one_line(reason)),
    };
    of_all.iter().map(|measured| (measured.contender, line(measured))).collect()
}

fn row(samples: &[Sample], baseline: &[Sample], peak_memory_mb: f64) -> Row {
    let of = |figure: fn(&Sample) -> f64| Figure::of(samples.iter().map(figure));
    let paired = |figure: fn(&Sample) -> f64| {
        let values = |samples: &[Sample]| samples.iter().map(figure).collect::<Vec<_>>();
        Ratio::paired(&values(samples), &values(baseline))
    };
    Row {
        cpu_us: of(|sample| sample.cpu_us),
        ratio: paired(|sample| sample.cpu_us),
        p99_ratio: paired(|sample| sample.p99_ms),
        per_second: of(|sample| sample.per_second),
        p50_ms: of(|sample| sample.p50_ms),
        p99_ms: of(|sample| sample.p99_ms),
        calls: of(|sample| sample.calls),
        failed_percent: of(|sample| sample.failed_percent),
        peak_memory_mb,
    }
}

/// CPU time of everyone in every workload, and how often that of the baseline it is.
fn overview(workloads: &[(&Workload, Vec<Line<'_>>)]) -> Result<String, fmt::Error> {
    let mut table = String::from("| CPU µs a request (times the hand-written endpoint's) |");
    let Some((_, first)) = workloads.first() else { return Ok(table) };
    for (contender, _) in first {
        write!(table, " {contender} |")?;
    }
    writeln!(table, "\n|---|{}", "---:|".repeat(first.len()))?;
    for (workload, lines) in workloads {
        write!(table, "| {} |", workload.title)?;
        for (contender, row) in lines {
            match row {
                Ok(row) if *contender == BASELINE.name => write!(table, " {} |", digits(row.cpu_us.median))?,
                Ok(Row { cpu_us, ratio: Some(ratio), .. }) => {
                    write!(table, " {} ({:.2}) |", digits(cpu_us.median), ratio.median)?;
                }
                Ok(row) => write!(table, " {} |", digits(row.cpu_us.median))?,
                Err(_) => table.push_str(" – |"),
            }
        }
        table.push('\n');
    }
    Ok(table)
}

fn details(workloads: &[(&Workload, Vec<Line<'_>>)]) -> Result<String, fmt::Error> {
    let mut table = String::from(
        "| workload | contender | CPU µs a request (min–max) | times hand-written (interval) | requests a second | p50 ms | p99 ms | p99, times hand-written (interval) | peak MB | upstream calls | answers with errors |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (workload, lines) in workloads {
        for (contender, row) in lines {
            let title = &workload.title;
            let row = match row {
                Ok(row) => row,
                Err(reason) => {
                    writeln!(table, "| {title} | {contender} | – {reason} | | | | | | | | |")?;
                    continue;
                }
            };
            writeln!(
                table,
                "| {title} | {contender} | {} ({}–{}) | {} | {:.0} | {:.2} | {:.2} | {} | {:.0} | {:.2} | {:.2} % |",
                digits(row.cpu_us.median),
                digits(row.cpu_us.min),
                digits(row.cpu_us.max),
                interval(row.ratio.filter(|_| *contender != BASELINE.name)),
                row.per_second.median,
                row.p50_ms.median,
                row.p99_ms.median,
                interval(row.p99_ratio.filter(|_| *contender != BASELINE.name)),
                row.peak_memory_mb,
                row.calls.median,
                row.failed_percent.median,
            )?;
        }
    }
    Ok(table)
}

/// `1.02 (0.98–1.05)`, or nothing.
pub fn interval(ratio: Option<Ratio>) -> String {
    ratio
        .map_or_else(String::new, |ratio| format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.low, ratio.high))
}

/// Three digits that count.
pub fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A reason that fits into a table.
fn one_line(reason: &str) -> String {
    let line: String = reason.chars().take(160).collect();
    line.replace(['\n', '\r'], " ").replace('|', "/")
}

fn json(options: &Options, workloads: &[(&Workload, Vec<Line<'_>>)]) -> Value {
    let line = |(contender, row): &Line<'_>| match row {
        Ok(row) => json!({
            "contender": contender, "cpu_us": row.cpu_us.json(), "cpu_ratio": row.ratio.map(|ratio| ratio.json()),
            "p99_ratio": row.p99_ratio.map(|ratio| ratio.json()), "requests_per_second": row.per_second.json(),
            "p50_ms": row.p50_ms.json(), "p99_ms": row.p99_ms.json(), "peak_memory_mb": row.peak_memory_mb,
            "upstream_calls": row.calls.json(), "failed_percent": row.failed_percent.json()
        }),
        Err(reason) => json!({"contender": contender, "missing": reason}),
    };
    let of_workload = |(workload, lines): &(&Workload, Vec<Line<'_>>)| {
        json!({
            "workload": workload.name, "title": workload.title, "query": workload.query,
            "connections": workload.connections, "upstream_latency_us": workload.latency_us,
            "contenders": lines.iter().map(line).collect::<Vec<_>>()
        })
    };
    json!({
        "profile": options.profile, "rounds": options.rounds,
        "workloads": workloads.iter().map(of_workload).collect::<Vec<_>>()
    })
}
