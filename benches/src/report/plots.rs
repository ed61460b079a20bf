//! The plots, in SVG.

use super::figures::Figures;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

type Result = std::result::Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Ours first, then the peers, each with its colour.
const ENDS: [(&str, &str, RGBColor); 5] = [
    ("ours", "", RGBColor(0x1b, 0x6c, 0xa8)),
    ("nghttp2", "/nghttp2", RGBColor(0xd9, 0x7b, 0x29)),
    ("h2", "/h2", RGBColor(0x5a, 0x9e, 0x4b)),
    ("shiguredo", "/shiguredo", RGBColor(0x8d, 0x6b, 0xb5)),
    ("tonic", "/tonic", RGBColor(0xb0, 0x3a, 0x48)),
];
const GREY: RGBColor = RGBColor(0x80, 0x80, 0x80);
const FONT: &str = "sans-serif";

pub fn draw(figures: &Figures, into: &Path) -> Result {
    cost_per_call(figures, &into.join("cost-per-call.svg"))?;
    layers(figures, &into.join("layers.svg"))?;
    throughput(figures, &into.join("throughput.svg"))?;
    open_calls(figures, &into.join("open-calls.svg"))?;
    memory(figures, &into.join("memory.svg"))
}

fn canvas(path: &Path, size: (u32, u32)) -> std::result::Result<Area<'_>, Box<dyn Error>> {
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    Ok(area)
}

/// Horizontal bars with their names and values.
fn bars(area: &Area<'_>, caption: &str, bars: &[(String, f64, RGBColor)]) -> Result {
    let most = bars.iter().map(|bar| bar.1).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, (FONT, 15))
        .margin(8)
        .build_cartesian_2d(-0.38 * most..1.18 * most, (bars.len() as f64)..0.0)?;
    let name_style = TextStyle::from((FONT, 12)).pos(plotters::style::text_anchor::Pos::new(
        plotters::style::text_anchor::HPos::Right,
        plotters::style::text_anchor::VPos::Center,
    ));
    let value_style = TextStyle::from((FONT, 12)).pos(plotters::style::text_anchor::Pos::new(
        plotters::style::text_anchor::HPos::Left,
        plotters::style::text_anchor::VPos::Center,
    ));
    for (at, (name, value, colour)) in bars.iter().enumerate() {
        let at = at as f64;
        chart.draw_series([Rectangle::new([(0.0, at + 0.15), (*value, at + 0.85)], colour.filled())])?;
        chart.draw_series([
            Text::new(name.clone(), (-0.01 * most, at + 0.5), &name_style),
            Text::new(super::figures::human(*value), (value + 0.01 * most, at + 0.5), &value_style),
        ])?;
    }
    Ok(())
}

fn cost_per_call(figures: &Figures, path: &Path) -> Result {
    let root = canvas(path, (900, 330))?;
    let halves = root.split_evenly((1, 2));
    for (area, (figure, caption)) in
        halves.iter().zip([("instructions", "instructions per unary call"), ("ns", "nanoseconds per unary call")])
    {
        let mut all = Vec::new();
        for (name, suffix, colour) in ENDS {
            for (open, label) in [("unary-1", "1 open"), ("unary-100", "100 open")] {
                if let Some(value) = figures.get(&format!("{open}{suffix}"), figure) {
                    all.push((format!("{name}, {label}"), value, colour));
                }
            }
        }
        bars(area, caption, &all)?;
    }
    Ok(root.present()?)
}

fn layers(figures: &Figures, path: &Path) -> Result {
    let root = canvas(path, (700, 330))?;
    let mut all: Vec<_> = figures.all("layers").map(|(layer, count)| (layer.to_owned(), count, ENDS[0].2)).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    bars(&root, "instructions of a unary call, both ends, by layer", &all)?;
    Ok(root.present()?)
}

/// A line with its name, through points.
fn line<'a, DB, X, Y>(
    chart: &mut ChartContext<'a, DB, Cartesian2d<X, Y>>,
    name: &str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
) -> Result
where
    DB: DrawingBackend + 'a,
    DB::ErrorType: 'static,
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let dots: Vec<_> = points.iter().map(|point| Circle::new(*point, 3, colour.filled())).collect();
    chart
        .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    chart.draw_series(dots)?;
    Ok(())
}

fn key<'a, DB, X, Y>(chart: &mut ChartContext<'a, DB, Cartesian2d<X, Y>>, at: SeriesLabelPosition) -> Result
where
    DB: DrawingBackend + 'a,
    DB::ErrorType: 'static,
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let labels = &mut chart.configure_series_labels();
    Ok(labels.position(at).background_style(WHITE.mix(0.8)).border_style(GREY).label_font((FONT, 12)).draw()?)
}

const SIZES: [(&str, f64); 10] = [
    ("0B", 0.0),
    ("100B", 100.0),
    ("1KiB", 1024.0),
    ("4KiB", 4096.0),
    ("16KiB", 16384.0),
    ("64KiB", 65536.0),
    ("256KiB", 262_144.0),
    ("1MiB", 1_048_576.0),
    ("4MiB", 4_194_304.0),
    ("16MiB", 16_777_216.0),
];

fn throughput(figures: &Figures, path: &Path) -> Result {
    let root = canvas(path, (800, 420))?;
    let mut chart = ChartBuilder::on(&root)
        .caption("throughput of a stream: message and prefix, by message size", (FONT, 15))
        .margin(10)
        .margin_right(35)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..9.0, (0.05..200.0).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(10)
        .x_label_formatter(&|at: &f64| SIZES.get(at.round() as usize).map_or(String::new(), |size| size.0.to_owned()))
        .y_label_formatter(&|value| format!("{value}"))
        .x_desc("message size")
        .y_desc("octets a nanosecond (GB/s)")
        .draw()?;
    for (name, suffix, colour) in &ENDS[..3] {
        let points = SIZES.iter().enumerate().filter_map(|(at, (size, octets))| {
            let ns = figures.get(&format!("stream-{size}{suffix}"), "ns")?;
            Some((at as f64, (octets + 5.0) / ns))
        });
        line(&mut chart, name, *colour, points.collect())?;
    }
    if let Some(ns) = figures.get("stream-64KiB-shared", "ns") {
        line(&mut chart, "ours, shared memory, 128 KiB frames", BLACK, vec![(5.0, 65_541.0 / ns)])?;
    }
    if let Some(ns) = figures.get("memcpy-64KiB", "ns") {
        let rate = 65_536.0 / ns;
        line(&mut chart, "one copy of 64 KiB", GREY, vec![(0.0, rate), (9.0, rate)])?;
    }
    key(&mut chart, SeriesLabelPosition::LowerRight)?;
    Ok(root.present()?)
}

fn count(value: &f64) -> String {
    super::figures::human(*value)
}

fn open_calls(figures: &Figures, path: &Path) -> Result {
    let root = canvas(path, (950, 380))?;
    let halves = root.split_evenly((1, 2));
    // None at all is at one on a scale of tens.
    let at_least_one = |points: Vec<(f64, f64)>| points.into_iter().map(|(x, y)| (x.max(1.0), y)).collect::<Vec<_>>();
    let one = at_least_one(figures.series("beside-", "instructions"));
    let times_one = at_least_one(figures.series("idle-", "ns"));
    let times_many = at_least_one(figures.series("open-", "ns"));
    let most = |points: &[(f64, f64)]| points.iter().map(|point| point.1).fold(1.0, f64::max) * 1.4;
    let panels = [
        ("instructions", vec![("beside so many idle calls", one, ENDS[0].2)]),
        (
            "nanoseconds, the quickest slice",
            vec![("on one connection", times_one, ENDS[0].2), ("over connections of 100 each", times_many, ENDS[1].2)],
        ),
    ];
    for (area, (what, lines)) in halves.iter().zip(panels) {
        let top = lines.iter().map(|line| most(&line.1)).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(format!("a unary call: {what}"), (FONT, 15))
            .margin(10)
            .margin_right(40)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d((1.0..1e6).log_scale(), 0.0..top)?;
        chart
            .configure_mesh()
            .x_label_formatter(&count)
            .y_label_formatter(&count)
            .x_desc("open calls")
            .y_desc(what)
            .draw()?;
        for (name, points, colour) in lines {
            line(&mut chart, name, colour, points)?;
        }
        key(&mut chart, SeriesLabelPosition::UpperLeft)?;
    }
    Ok(root.present()?)
}

fn memory(figures: &Figures, path: &Path) -> Result {
    let root = canvas(path, (800, 420))?;
    let mut chart = ChartBuilder::on(&root)
        .caption("memory of connections, both ends in one process", (FONT, 15))
        .margin(10)
        .margin_right(35)
        .x_label_area_size(40)
        .y_label_area_size(90)
        .build_cartesian_2d((1.0..1e4).log_scale(), (1e3..1e12).log_scale())?;
    chart
        .configure_mesh()
        .x_label_formatter(&count)
        .y_label_formatter(&|octets| match *octets {
            octets if octets >= 1e9 => format!("{} GB", octets / 1e9),
            octets if octets >= 1e6 => format!("{} MB", octets / 1e6),
            octets => format!("{} kB", octets / 1e3),
        })
        .x_desc("connections")
        .y_desc("octets")
        .draw()?;
    let by_connection = |points: Vec<(f64, f64)>| points.into_iter().map(|(x, y)| (x / 100.0, y)).collect::<Vec<_>>();
    line(&mut chart, "SETTINGS exchanged", ENDS[0].2, figures.series("connections-", "idle"))?;
    line(&mut chart, "after 200 calls, trimmed", ENDS[2].2, figures.series("connections-", "trimmed"))?;
    line(&mut chart, "100 open idle calls each", ENDS[1].2, by_connection(figures.series("open-", "octets")))?;
    let bound = figures
        .series("open-", "octets")
        .into_iter()
        .filter_map(|(open, _)| Some((open / 100.0, figures.get(&format!("open-{open}-bound"), "octets")?)));
    line(&mut chart, "the bound, both ends", GREY, bound.collect())?;
    key(&mut chart, SeriesLabelPosition::UpperLeft)?;
    Ok(root.present()?)
}
