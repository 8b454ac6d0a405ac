//! Plots as SVG: lines over two axes, either of which may be logarithmic.

use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

/// One line: what it is of, and its points.
pub(super) type Line = (String, Vec<(f64, f64)>);

/// A plot.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    /// Whether the axes are logarithmic.
    pub(super) logarithmic: (bool, bool),
    pub(super) lines: Vec<Line>,
}

const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 130, 80),
    RGBColor(230, 140, 0),
    RGBColor(120, 60, 160),
    RGBColor(90, 90, 90),
    RGBColor(0, 170, 190),
    RGBColor(150, 75, 0),
];

impl Plot {
    /// Writes it into this folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(self.file);
        let area = SVGBackend::new(&path, (860, 480)).into_drawing_area();
        self.draw(&area).map_err(|error| error.to_string())
    }

    fn draw<'a>(
        &self,
        area: &DrawingArea<SVGBackend<'a>, Shift>,
    ) -> Result<(), Box<dyn std::error::Error + 'a>> {
        area.fill(&WHITE)?;
        let (x, y) = (self.range(|point| point.0), self.range(|point| point.1));
        let mut chart = ChartBuilder::on(area);
        chart
            .caption(self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(72);
        let ((left, right), (low, high)) = (x, y);
        // Above the lines is where their names stand.
        let room = (high / low).powf(0.5).max(4.0);
        match self.logarithmic {
            (true, true) => self.lines(chart.build_cartesian_2d(
                (left..right).log_scale(),
                (low * 0.7..high * room).log_scale(),
            )?)?,
            (false, true) => self.lines(
                chart.build_cartesian_2d(left..right, (low * 0.7..high * room).log_scale())?,
            )?,
            (true, false) => {
                self.lines(chart.build_cartesian_2d((left..right).log_scale(), 0.0..high * 1.4)?)?
            }
            (false, false) => {
                self.lines(chart.build_cartesian_2d(left..right, 0.0..high * 1.4)?)?
            }
        }
        area.present()?;
        Ok(())
    }

    /// From the least to the most of all points.
    fn range(&self, of: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
        let values = self.lines.iter().flat_map(|(_, points)| points).map(of);
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low < high {
            (low, high)
        } else {
            // One value, or none: there is no axis without a length.
            (high.clamp(1.0, 1e12), high.clamp(1.0, 1e12) * 2.0)
        }
    }

    fn lines<'a, X, Y>(
        &self,
        mut chart: ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    ) -> Result<(), Box<dyn std::error::Error + 'a>>
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let number = |value: &f64| super::table::plain(*value);
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&number)
            .y_label_formatter(&number)
            .draw()
            .map_err(|error| error.to_string())?;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            // A line of few points shows them.
            let line = line.point_size(if points.len() < 20 { 3 } else { 0 });
            chart
                .draw_series(line)
                .map_err(|error| error.to_string())?
                .label(name.as_str())
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_names_its_lines_and_axes_whatever_its_scales_and_points() {
        let folder = std::env::temp_dir().join(format!("entra-bench-plot-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let points: [&[(f64, f64)]; 3] = [&[(1.0, 10.0), (1_000.0, 2_000.0)], &[(5.0, 5.0)], &[]];
        for logarithmic in [(true, true), (true, false), (false, true), (false, false)] {
            for points in points {
                let plot = Plot {
                    file: "x.svg",
                    title: "A title",
                    x: "entries",
                    y: "nanoseconds",
                    logarithmic,
                    lines: vec![("a line".to_owned(), points.to_vec())],
                };
                plot.write(&folder).unwrap();
                let text = std::fs::read_to_string(folder.join("x.svg")).unwrap();
                for word in ["A title", "entries", "nanoseconds", "a line"] {
                    assert!(text.contains(word), "{word} {logarithmic:?}");
                }
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
