//! The speeds as a chart: a bar for each figure, the bare loop's beside the operator's.

use std::fmt::Write as _;

use crate::report::Line;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 110.0;
const ROW: f64 = 24.0;
const TOP: f64 = 36.0;

/// All figures in users a second.
pub fn render(lines: &[Line]) -> String {
    let bars: Vec<&Line> = lines.iter().filter(|line| line.unit == "users/s").collect();
    let most = bars.iter().map(|line| line.value).fold(1.0, f64::max);
    let height = TOP + ROW * bars.len() as f64 + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"22\" font-weight=\"bold\">Accounts made in a second, more is better</text>\n"
    );
    for (index, line) in bars.iter().enumerate() {
        bar(&mut svg, line, TOP + ROW * index as f64, most);
    }
    svg.push_str("</svg>\n");
    svg
}

fn bar(svg: &mut String, line: &Line, top: f64, most: f64) {
    let length = (WIDTH - LEFT - RIGHT) * line.value / most;
    let colour = if line.what.starts_with("bare") { "#b8bec6" } else { "#2f6fb3" };
    let (text, end) = (top + 16.0, LEFT + length + 6.0);
    let label = format!("{} users, {}", line.users, line.what);
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{label}</text>\n\
         <rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\"/>\n\
         <text x=\"{end:.1}\" y=\"{text}\">{:.0}</text>",
        LEFT - 8.0,
        top + 3.0,
        line.value
    )
    .expect("memory");
}
