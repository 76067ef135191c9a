//! Two pictures of the figures, as SVG that needs nothing else and is legible on light and dark ground.

use std::fmt::{self, Write as _};

use crate::{
    contenders::{BASELINE, FICUS},
    report::{Line, digits},
    workloads::Workload,
};

const STYLE: &str = "<style>text{font:13px system-ui,sans-serif;fill:#24292f}.quiet{fill:#57606a}.grid{stroke:#d0d7de}.one{stroke:#57606a;stroke-dasharray:4 3}.bar{fill:#8c959f}.ours{fill:#0969da}.span{stroke:#0969da;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.grid{stroke:#3d444d}.one{stroke:#9198a1}.bar{fill:#656c76}.ours{fill:#4493f8}.span{stroke:#4493f8}}</style>";

const LEFT: f64 = 214.0;
const WIDTH: f64 = 760.0;
const ROW: f64 = 26.0;
const TOP: f64 = 44.0;

/// A logarithmic axis between two values.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn x(&self, value: f64) -> f64 {
        let share = (value.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        LEFT + share.min(1.0) * (WIDTH - LEFT - 90.0)
    }
}

/// CPU time of a request, a bar for each contender.
pub fn cpu(lines: &[Line<'_>]) -> String {
    let bars: Vec<(&str, f64)> =
        lines.iter().filter_map(|(name, row)| Some((*name, row.as_ref().ok()?.cpu_us.median))).collect();
    let high = bars.iter().map(|(_, value)| *value).fold(100.0, f64::max);
    let axis = Axis { low: 10.0, high: 10_f64.powf(high.log10().ceil()) };
    let mut svg = String::new();
    let height = TOP + ROW * bars.len() as f64 + 30.0;
    // Writing to a `String` cannot fail.
    let _ = draw(&mut svg, height, "CPU time of one request, µs (logarithmic; less is better)", |svg| {
        let mut tick = axis.low;
        while tick <= axis.high {
            grid(svg, axis.x(tick), height, &format!("{tick:.0}"), "grid")?;
            tick *= 10.0;
        }
        for (position, (name, value)) in bars.iter().enumerate() {
            let (y, end) = (TOP + ROW * position as f64, axis.x(*value));
            let class = if *name == FICUS.name { "ours" } else { "bar" };
            label(svg, y, name)?;
            write!(
                svg,
                r#"<rect class="{class}" x="{LEFT}" y="{}" width="{:.1}" height="16" rx="2"/><text x="{:.1}" y="{}">{}</text>"#,
                y + 4.0,
                (end - LEFT).max(1.0),
                end + 6.0,
                y + 17.0,
                digits(*value)
            )?;
        }
        Ok(())
    });
    svg
}

/// Ficus's CPU time in units of the hand-written endpoint's, with its interval, for each workload.
pub fn ratios(workloads: &[(&Workload, Vec<Line<'_>>)]) -> String {
    let points: Vec<(&str, _)> = workloads
        .iter()
        .filter_map(|(workload, lines)| {
            let (_, row) = lines.iter().find(|(name, _)| *name == FICUS.name)?;
            Some((workload.title.as_str(), row.as_ref().ok()?.ratio?))
        })
        .collect();
    let (low, high) = points
        .iter()
        .fold((0.5_f64, 2.0_f64), |(low, high), (_, ratio)| (low.min(ratio.low), high.max(ratio.high)));
    let axis = Axis { low: low * 0.9, high: high * 1.1 };
    let mut svg = String::new();
    let height = TOP + ROW * points.len() as f64 + 30.0;
    let title = format!(
        "{}: CPU time of one request, times the {} endpoint's (less is better)",
        FICUS.name, BASELINE.name
    );
    let _ = draw(&mut svg, height, &title, |svg| {
        for tick in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0] {
            if (axis.low..=axis.high).contains(&tick) {
                grid(svg, axis.x(tick), height, &tick.to_string(), if tick == 1.0 { "one" } else { "grid" })?;
            }
        }
        for (position, (name, ratio)) in points.iter().enumerate() {
            let y = TOP + ROW * position as f64 + 12.0;
            label(svg, y - 12.0, name)?;
            let (low, middle, high) = (axis.x(ratio.low), axis.x(ratio.median), axis.x(ratio.high));
            write!(
                svg,
                r#"<line class="span" x1="{low:.1}" x2="{high:.1}" y1="{y}" y2="{y}"/><circle class="ours" cx="{middle:.1}" cy="{y}" r="5"/><text x="{:.1}" y="{}">{:.2}</text>"#,
                high + 10.0,
                y + 5.0,
                ratio.median
            )?;
        }
        Ok(())
    });
    svg
}

fn draw(
    svg: &mut String,
    height: f64,
    title: &str,
    inside: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"><title>{title}</title>{STYLE}<text x="0" y="18" font-weight="600">{title}</text>"#
    )?;
    inside(svg)?;
    svg.push_str("</svg>\n");
    Ok(())
}

fn grid(svg: &mut String, x: f64, height: f64, text: &str, class: &str) -> fmt::Result {
    write!(
        svg,
        r#"<line class="{class}" x1="{x:.1}" x2="{x:.1}" y1="{}" y2="{}"/><text class="quiet" x="{x:.1}" y="{}" text-anchor="middle">{text}</text>"#,
        TOP - 8.0,
        height - 24.0,
        height - 8.0
    )
}

fn label(svg: &mut String, y: f64, name: &str) -> fmt::Result {
    write!(svg, r#"<text x="{}" y="{}" text-anchor="end">{name}</text>"#, LEFT - 10.0, y + 17.0)
}
