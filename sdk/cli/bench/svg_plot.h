// A plot as an SVG image: cumulative curves over a logarithmic axis, with grid, labels and legend.
#ifndef SKEIN_CLI_BENCH_SVG_PLOT_H_
#define SKEIN_CLI_BENCH_SVG_PLOT_H_

#include <string>
#include <vector>

namespace skein::cli {

struct PlotCurve {
  std::string name;
  std::vector<double> values;  // above 0 in the unit of the axis; in any order. Others are drawn at the left end
};

// For each curve and each value on the x axis: the share of the curve's values up to it. A curve without values is in
// the legend, and so it says. Any text is allowed in the names.
std::string CumulativePlot(const std::string& title, const std::string& x_label, const std::vector<PlotCurve>& curves);

}  // namespace skein::cli

#endif  // SKEIN_CLI_BENCH_SVG_PLOT_H_
