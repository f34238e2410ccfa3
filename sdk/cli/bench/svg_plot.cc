#include "bench/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "table.h"

namespace skein::cli {
namespace {

constexpr double kWidth = 760;
constexpr double kHeight = 440;
// The frame of the curves.
constexpr double kLeft = 64;
constexpr double kRight = 736;
constexpr double kTop = 44;
constexpr double kBottom = 344;
constexpr double kLegendTop = 404;
constexpr size_t kMaxPoints = 400;  // of a curve
// Told apart by people who see no red or no green (Okabe and Ito).
constexpr std::array<const char*, 4> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      escaped += c;
    }
  }
  return escaped;
}

std::string Text(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
  return "<text x=\"" + FormatNumber(x, 1) + "\" y=\"" + FormatNumber(y, 1) + "\" text-anchor=\"" + anchor + "\"" +
         more + ">" + Escaped(text) + "</text>\n";
}

std::string Line(double x1, double y1, double x2, double y2, const std::string& stroke) {
  return "<line x1=\"" + FormatNumber(x1, 1) + "\" y1=\"" + FormatNumber(y1, 1) + "\" x2=\"" + FormatNumber(x2, 1) +
         "\" y2=\"" + FormatNumber(y2, 1) + "\" stroke=\"" + stroke + "\"/>\n";
}

double Y(double share) { return kBottom - share * (kBottom - kTop); }

// The logarithmic axis, from one power of ten to another.
class LogAxis {
 public:
  explicit LogAxis(const std::vector<PlotCurve>& curves) {
    double least = 0, most = 0;
    for (const PlotCurve& curve : curves) {
      for (const double value : curve.values) {
        if (value <= 0) continue;
        least = least == 0 ? value : std::min(least, value);
        most = std::max(most, value);
      }
    }
    if (least == 0) least = most = 1;
    first_ = static_cast<int>(std::floor(std::log10(least)));
    last_ = std::max(first_ + 1, static_cast<int>(std::ceil(std::log10(most))));
  }

  double X(double value) const {
    const double place = value <= 0 ? 0 : (std::log10(value) - first_) / (last_ - first_);
    return kLeft + std::clamp(place, 0.0, 1.0) * (kRight - kLeft);
  }

  std::string Svg() const {
    std::string svg;
    for (int power = first_; power <= last_; ++power) {
      const double decade = std::pow(10, power);
      svg += Line(X(decade), kTop, X(decade), kBottom, "#bbbbbb");
      svg += Text(X(decade), kBottom + 18, "middle", FormatNumber(decade, std::max(0, -power)));
      if (power == last_) break;
      for (const int part : {2, 5}) {
        svg += Line(X(part * decade), kTop, X(part * decade), kBottom, "#e8e8e8");
        // Many decades leave no room for the numbers between them.
        if (last_ - first_ > 4) continue;
        svg += Text(X(part * decade), kBottom + 18, "middle", FormatNumber(part * decade, std::max(0, -power)));
      }
    }
    return svg;
  }

 private:
  int first_ = 0;  // powers of ten
  int last_ = 1;
};

std::string ShareAxis() {
  std::string svg;
  for (const int percent : {0, 25, 50, 75, 90, 100}) {
    const double y = Y(percent / 100.0);
    svg += Line(kLeft, y, kRight, y, "#dddddd") + Text(kLeft - 8, y + 4, "end", std::to_string(percent) + " %");
  }
  return svg;
}

std::string Polyline(const PlotCurve& curve, const LogAxis& axis, const char* colour) {
  std::vector<double> values = curve.values;
  std::sort(values.begin(), values.end());
  const size_t num_points = std::min(values.size(), kMaxPoints);
  std::string points;
  for (size_t i = 0; i < num_points; ++i) {
    const size_t index = num_points == 1 ? 0 : i * (values.size() - 1) / (num_points - 1);
    const double share = static_cast<double>(index + 1) / static_cast<double>(values.size());
    if (i == 0) points += FormatNumber(axis.X(values[0]), 1) + "," + FormatNumber(Y(0), 1) + " ";
    points += FormatNumber(axis.X(values[index]), 1) + "," + FormatNumber(Y(share), 1) + " ";
  }
  if (points.empty()) return "";
  return "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" + std::string(colour) + "\" points=\"" + points +
         "\"/>\n";
}

}  // namespace

std::string CumulativePlot(const std::string& title, const std::string& x_label, const std::vector<PlotCurve>& curves) {
  const LogAxis axis(curves);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + FormatNumber(kWidth, 0) + " " +
                    FormatNumber(kHeight, 0) + "\" width=\"" + FormatNumber(kWidth, 0) + "\" height=\"" +
                    FormatNumber(kHeight, 0) + "\" font-family=\"sans-serif\" font-size=\"12\">\n" +
                    "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  svg += Text(kLeft, 24, "start", title, " font-size=\"15\"");
  svg += axis.Svg() + ShareAxis();
  svg += Line(kLeft, kBottom, kRight, kBottom, "black") + Line(kLeft, kTop, kLeft, kBottom, "black");
  svg += Text((kLeft + kRight) / 2, kBottom + 38, "middle", x_label);
  double x = kLeft;
  for (size_t i = 0; i < curves.size(); ++i) {
    const char* const colour = kColours.at(i % kColours.size());
    svg += Polyline(curves[i], axis, colour);
    svg += "<rect x=\"" + FormatNumber(x, 1) + "\" y=\"" + FormatNumber(kLegendTop, 1) +
           "\" width=\"14\" height=\"14\" fill=\"" + colour + "\"/>\n";
    svg += Text(x + 20, kLegendTop + 12, "start", curves[i].name + (curves[i].values.empty() ? " (none)" : ""));
    x += (kRight - kLeft) / static_cast<double>(std::max<size_t>(curves.size(), 1));
  }
  return svg + "</svg>\n";
}

}  // namespace skein::cli
