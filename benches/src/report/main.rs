//! Writes what was measured into the page about it: tables between markers, and plots beside it.
//!
//! `report ROOT` reads `ROOT/docs/plots/figures.tsv` and rewrites `ROOT/docs/plots/*.svg` and the generated parts of
//! `performance.md`, `memory.md` and `tuning.md` there. It measures nothing.

mod figures;
mod goals;
mod page;
mod plots;

use figures::Figures;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("usage: report ROOT")?);
    let docs = root.join("docs");
    let figures = Figures::read(&docs.join("plots/figures.tsv"))?;
    plots::draw(&figures, &docs.join("plots"))?;
    for name in ["performance.md", "memory.md", "tuning.md"] {
        page::write(&figures, &docs.join(name))?;
    }
    Ok(())
}
