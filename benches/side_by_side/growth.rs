//! How cost grows: with rows, with levels, with sources, with connections, with the schema, and with slow calls in flight.

use std::{
    fmt::{self, Write as _},
    fs,
    rc::Rc,
    time::Instant,
};

use serde_json::{Value, json};

use crate::{
    contenders::{BASELINE, Contender, FICUS},
    expected, generated,
    load::{self, Questions},
    measure::{self, Measured, Options, Upstream},
    report::{self, Row, digits, interval},
    statistics::Figure,
    workloads::{Q1, ROWS, Workload},
};

/// What was measured at each step of one growth.
struct Table {
    title: &'static str,
    /// What grows.
    unit: &'static str,
    steps: Vec<(usize, Vec<Measured>)>,
}

/// Measures all of them and writes `growth.md` and `growth.json`.
pub async fn all(options: &Options) -> anyhow::Result<()> {
    let upstream = Upstream::start(&options.setup).await?;
    let (both, ours) = ([BASELINE, FICUS], [FICUS]);
    let mut tables = Vec::new();

    let rows = [10, 100, 1_000, 10_000, 100_000].map(|count| {
        let workload = Workload {
            variables: Rc::new(move |_| Some(json!({"count": count}))),
            connections: if count > 10_000 { 2 } else { 16 },
            ..Workload::new("rows", &format!("{count} rows"), ROWS, move |_| expected::rows(count))
        };
        (count, workload, options.clone())
    });
    tables.push(table("Rows of one list", "rows", &upstream, &both, rows.into()).await?);

    let connections = [1, 10, 100, 1_000].map(|connections| {
        let title = format!("{connections} connections");
        let workload =
            Workload { connections, ..Workload::new("connections", &title, Q1, expected::posts_with_users) };
        (connections, workload, options.clone())
    });
    tables.push(table("Connections, Q1", "connections", &upstream, &both, connections.into()).await?);

    let mut depths = Vec::new();
    for depth in [1, 2, 4, 8, 12] {
        let (graph, workload) = generated::chain(depth);
        depths.push((depth, workload, in_folder(options, &graph, "chain")?));
    }
    tables.push(table("Levels, a call each, one after another", "calls", &upstream, &ours, depths).await?);

    let mut sources = Vec::new();
    for count in [1, 2, 4, 8, 16] {
        let (graph, workload) = generated::sources(count);
        sources.push((count, workload, in_folder(options, &graph, &format!("sources-{count}"))?));
    }
    tables.push(table("Sources, a call each, at once", "calls", &upstream, &ours, sources).await?);

    let slow = Workload {
        connections: 1_000,
        latency_us: 2_000_000,
        ..Workload::new("in flight", "1,000 slow calls in flight", Q1, expected::posts_with_users)
    };
    let one_round = Options { rounds: 1, ..options.clone() };
    tables.push(
        table(
            "Slow calls in flight, Q1, 2 s each",
            "in flight",
            &upstream,
            &both,
            vec![(1_000, slow, one_round)],
        )
        .await?,
    );

    let started = starts(options).await?;
    let markdown = markdown(&tables, &started)?;
    fs::write(options.setup.out.join("growth.md"), &markdown)?;
    fs::write(options.setup.out.join("growth.json"), format!("{:#}\n", figures(&tables, &started)))?;
    print!("{markdown}");
    Ok(())
}

async fn table(
    title: &'static str,
    unit: &'static str,
    upstream: &Upstream,
    contenders: &[Contender],
    steps: Vec<(usize, Workload, Options)>,
) -> anyhow::Result<Table> {
    let mut table = Table { title, unit, steps: Vec::new() };
    for (size, workload, options) in steps {
        eprintln!("{title}: {size}");
        table.steps.push((size, measure::one(&options, upstream, contenders, &workload).await?));
    }
    Ok(table)
}

/// The same options with a graph that is written now.
fn in_folder(options: &Options, graph: &generated::Graph, name: &str) -> anyhow::Result<Options> {
    let mut options = options.clone();
    options.setup.graph = options.setup.out.join("generated").join(name);
    graph.write(&options.setup.graph)?;
    Ok(options)
}

/// What a graph takes from the start of the process to the first right answer.
struct Started {
    types: usize,
    connectors: usize,
    wall_ms: Figure,
    cpu_ms: Figure,
    peak_memory_mb: Figure,
}

async fn starts(options: &Options) -> anyhow::Result<Vec<Started>> {
    let mut started = Vec::new();
    for groups in [5, 50, 250, 500] {
        let (graph, workload) = generated::schema(groups);
        eprintln!("Schema: {} types", groups * 4);
        let options = in_folder(options, &graph, &format!("schema-{groups}"))?;
        let mut seen = Vec::new();
        for _ in 0..options.rounds {
            seen.push(start(&options, &workload).await?);
        }
        let figure = |at: fn(&(f64, f64, f64)) -> f64| Figure::of(seen.iter().map(at));
        started.push(Started {
            types: groups * 4,
            connectors: groups,
            wall_ms: figure(|seen| seen.0),
            cpu_ms: figure(|seen| seen.1),
            peak_memory_mb: figure(|seen| seen.2),
        });
    }
    Ok(started)
}

async fn start(options: &Options, workload: &Workload) -> anyhow::Result<(f64, f64, f64)> {
    let began = Instant::now();
    let process = measure::launch(&options.setup, &FICUS, workload).await?;
    load::once(&Questions::new(workload, &FICUS)).await?;
    let wall = began.elapsed();
    Ok((wall.as_secs_f64() * 1e3, process.cpu()?.as_secs_f64() * 1e3, process.peak_memory_mb()?))
}

fn markdown(tables: &[Table], started: &[Started]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for table in tables {
        growth_table(&mut text, table)?;
    }
    start_table(&mut text, started)?;
    Ok(text)
}

fn growth_table(text: &mut String, Table { title, unit, steps }: &Table) -> fmt::Result {
    // Where a request does more work with each of them, the cost of one says something.
    let shared_out = matches!(*unit, "rows" | "calls");
    let (of_these, rule) = if shared_out { (" of these, a unit |", "---:|") } else { ("", "") };
    writeln!(
        text,
        "**{title}**\n\n| {unit} | contender | CPU µs a request |{of_these} times hand-written (interval) | p99 ms | peak MB | upstream calls |\n|---:|---|---:|{rule}---:|---:|---:|---:|"
    )?;
    for (size, measured) in steps {
        for (contender, row) in report::lines(measured) {
            let Row { cpu_us, ratio, p99_ms, peak_memory_mb, calls, .. } = match row {
                Ok(row) => row,
                Err(reason) => {
                    writeln!(text, "| {size} | {contender} | – {reason} |")?;
                    continue;
                }
            };
            write!(text, "| {size} | {contender} | {} |", digits(cpu_us.median))?;
            if shared_out {
                write!(text, " {} |", digits(cpu_us.median / *size as f64))?;
            }
            writeln!(
                text,
                " {} | {:.2} | {peak_memory_mb:.0} | {:.2} |",
                interval(ratio.filter(|_| contender != BASELINE.name)),
                p99_ms.median,
                calls.median
            )?;
        }
    }
    text.push('\n');
    Ok(())
}

fn start_table(text: &mut String, started: &[Started]) -> fmt::Result {
    writeln!(
        text,
        "**Schema, from the start of the process to the first answer**\n\n| types | connectors | ms (min–max) | CPU ms | peak MB |\n|---:|---:|---:|---:|---:|"
    )?;
    for Started { types, connectors, wall_ms, cpu_ms, peak_memory_mb } in started {
        writeln!(
            text,
            "| {types} | {connectors} | {:.0} ({:.0}–{:.0}) | {:.0} | {:.0} |",
            wall_ms.median, wall_ms.min, wall_ms.max, cpu_ms.median, peak_memory_mb.median
        )?;
    }
    Ok(())
}

fn figures(tables: &[Table], started: &[Started]) -> Value {
    let line = |(contender, row): &report::Line<'_>| match row {
        Ok(row) => json!({
            "contender": contender, "cpu_us": row.cpu_us.json(), "peak_memory_mb": row.peak_memory_mb,
            "cpu_ratio": row.ratio.map(|ratio| ratio.json()), "p99_ms": row.p99_ms.json()
        }),
        Err(reason) => json!({"contender": contender, "missing": reason}),
    };
    let step = |(size, measured): &(usize, Vec<Measured>)| json!({"size": size, "contenders": report::lines(measured).iter().map(line).collect::<Vec<_>>()});
    let tables = tables.iter().map(|table| {
        json!({"title": table.title, "unit": table.unit, "steps": table.steps.iter().map(step).collect::<Vec<_>>()})
    });
    let started = started.iter().map(|start| {
        json!({
            "types": start.types, "connectors": start.connectors, "wall_ms": start.wall_ms.json(),
            "cpu_ms": start.cpu_ms.json(), "peak_memory_mb": start.peak_memory_mb.json()
        })
    });
    json!({"growth": tables.collect::<Vec<_>>(), "start": started.collect::<Vec<_>>()})
}
