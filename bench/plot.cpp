// The report as a picture: two panels of lines, written as SVG by hand. Both axes of both panels are logarithmic.
#include <cmath>
#include <cstdio>

#include "bench.hpp"

namespace slipring::bench {
namespace {

struct Point {
    double x, y;
};

struct Line {
    std::string name;
    const char* colour;
    std::vector<Point> points;
    bool dashed = false;  // a bound, and no measurement of the ring
    bool dotted = false;  // with a mark at each point
};

struct Tick {
    double at;
    std::string label;
};

struct Panel {
    std::string title, x_label, y_label;
    std::vector<Tick> x_ticks;
    std::vector<Line> lines;
};

constexpr double width = 1280, height = 640;
constexpr const char* colours[] = {"#0b6e99", "#d9730d", "#4d8f3a", "#b0306a", "#6940a5", "#8a6d3b", "#444444"};

template <class... Args>
void add(std::string& to, const char* format, Args... args) {
    char text[512];
    std::snprintf(text, sizeof text, format, args...);
    to += text;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '<') out += "&lt;";
        else if (c == '&') out += "&amp;";
        else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) out += '?';
        else out += c;
    }
    return out;
}

void write(std::string& to, const char* kind, const char* anchor, double x, double y, std::string_view text) {
    add(to, "<text x='%.1f' y='%.1f' class='%s' text-anchor='%s'>", x, y, kind, anchor);
    to += escaped(text) + "</text>\n";
}

std::string number(double value) {
    char text[32];
    if (value >= 1e9) std::snprintf(text, sizeof text, "%gG", value / 1e9);
    else if (value >= 1e6) std::snprintf(text, sizeof text, "%gM", value / 1e6);
    else if (value >= 1e4) std::snprintf(text, sizeof text, "%gk", value / 1e3);
    else std::snprintf(text, sizeof text, "%g", value);
    return text;
}

// Draws a panel whose frame has its upper left corner at (left, top).
class Plotter {
public:
    Plotter(const Panel& panel, double left, double top, double w, double h)
        : panel_(panel), left_(left), top_(top), w_(w), h_(h) {
        low_ = 1e300, high_ = 0;
        for (const Line& line : panel.lines)
            for (const Point& point : line.points) {
                low_ = std::min(low_, point.y);
                high_ = std::max(high_, point.y);
            }
        if (high_ <= 0) low_ = 1, high_ = 10;
        low_ = lower_edge(low_);
        high_ = upper_edge(high_);
    }

    void draw(std::string& to) const {
        write(to, "title", "start", left_, top_ - 18, panel_.title);
        grid(to);
        for (const Line& line : panel_.lines) draw(to, line);
        legend(to);
    }

private:
    // The steps of the axis: 1, 2 and 5 times a power of ten.
    static double lower_edge(double value) {
        const double power = std::pow(10.0, std::floor(std::log10(value)));
        for (const double step : {5.0, 2.0})
            if (step * power <= value) return step * power;
        return power;
    }
    static double upper_edge(double value) {
        const double power = std::pow(10.0, std::floor(std::log10(value)));
        for (const double step : {1.0, 2.0, 5.0})
            if (step * power >= value) return step * power;
        return 10 * power;
    }

    double x(double value) const {
        const double first = panel_.x_ticks.front().at, last = panel_.x_ticks.back().at;
        return left_ + w_ * (value - first) / (last - first);
    }
    double y(double value) const { return top_ + h_ * (1 - std::log(value / low_) / std::log(high_ / low_)); }

    void grid(std::string& to) const {
        for (const Tick& tick : panel_.x_ticks) {
            add(to, "<path class='grid' d='M%.1f %.1fv%.1f'/>", x(tick.at), top_, h_);
            write(to, "tick", "middle", x(tick.at), top_ + h_ + 18, tick.label);
        }
        const bool many = high_ / low_ > 2000;  // then a label each power of ten
        for (double power = std::pow(10.0, std::floor(std::log10(low_))); power <= high_ * 1.001; power *= 10) {
            for (const double step : {1.0, 2.0, 5.0}) {
                const double at = step * power;
                if (at < low_ * 0.999 || at > high_ * 1.001) continue;
                add(to, "<path class='%s' d='M%.1f %.1fh%.1f'/>", step == 1 ? "grid" : "fine", left_, y(at), w_);
                if (step == 1 || !many) write(to, "tick", "end", left_ - 8, y(at) + 4, number(at));
            }
        }
        add(to, "<rect class='frame' x='%.1f' y='%.1f' width='%.1f' height='%.1f'/>\n", left_, top_, w_, h_);
        write(to, "label", "middle", left_ + w_ / 2, top_ + h_ + 42, panel_.x_label);
        add(to, "<g transform='translate(%.1f %.1f) rotate(-90)'>", left_ - 54, top_ + h_ / 2);
        write(to, "label", "middle", 0, 0, panel_.y_label);
        to += "</g>\n";
    }

    void draw(std::string& to, const Line& line) const {
        if (line.points.empty()) return;
        add(to, "<path class='line%s' stroke='%s' d='", line.dashed ? " bound" : "", line.colour);
        char command = 'M';
        for (const Point& point : line.points) {
            add(to, "%c%.1f %.1f", command, x(point.x), y(point.y));
            command = 'L';
        }
        to += "'/>\n";
        if (!line.dotted) return;
        for (const Point& point : line.points)
            add(to, "<circle cx='%.1f' cy='%.1f' r='3.2' fill='%s'/>", x(point.x), y(point.y), line.colour);
        to += '\n';
    }

    // Below the frame, in two columns.
    void legend(std::string& to) const {
        double row = top_ + h_ + 68;
        bool right = false;
        for (const Line& line : panel_.lines) {
            if (line.points.empty()) continue;
            const double at = left_ + (right ? w_ / 2 : 0);
            const char* const kind = line.dashed ? " bound" : "";
            add(to, "<path class='line%s' stroke='%s' d='M%.1f %.1fh26'/>", kind, line.colour, at, row - 4);
            write(to, "key", "start", at + 34, row, line.name);
            if (right) row += 19;
            right = !right;
        }
    }

    const Panel& panel_;
    double left_, top_, w_, h_, low_, high_;
};

// ---- the two panels ----------------------------------------------------------------------------------------------

Line distribution(std::string name, const Percentiles& p, const char* colour) {
    Line line{std::move(name), colour, {}};
    for (std::size_t k = 0; k < p.curve.size() && k <= 4 * Percentiles::curve_steps; ++k)
        line.points.push_back({static_cast<double>(k) / Percentiles::curve_steps, std::max(p.curve[k], 1e-3)});
    return line;
}

Panel latency(const DeviceNumbers& device) {
    std::string title = "Latency of one slot (ring of " + std::to_string(device.capacity);
    if (!device.loaded.empty() && device.loaded.front().capacity != device.capacity)
        title += "; at a load " + std::to_string(device.loaded.front().capacity);
    Panel panel{title + " slots)",
                "percentile",
                "microseconds",
                {{0, "0"}, {0.30103, "50"}, {1, "90"}, {2, "99"}, {3, "99.9"}, {4, "99.99"}},
                {}};
    panel.lines.push_back(distribution("round trip, with its result", device.with_result_us, colours[0]));
    const char* const shades[] = {"#8fb996", colours[2], "#1f5c2e"};
    for (std::size_t i = 0; i < device.loaded.size() && i < std::size(shades); ++i)
        panel.lines.push_back(distribution("round trip at " + std::to_string(device.loaded[i].percent) + " % load",
                                           device.loaded[i].round_trip_us, shades[i]));
    panel.lines.push_back(distribution("waking a kernel that has left", device.wake_up_us, colours[4]));
    panel.lines.push_back(distribution("a kernel launch for the slot", device.launch_us, colours[1]));
    panel.lines.push_back(distribution("an empty launch", device.limits.launch_us, colours[5]));
    if (const double load = device.limits.load_us; load > 0)
        panel.lines.push_back({"one load of host memory", colours[6], {{0, load}, {4, load}}, true});
    return panel;
}

Line throughput(const DeviceNumbers& device, Want want, unsigned producers, const char* colour) {
    std::string name = want == Want::quiet ? "quiet, " : "with state and result, ";
    name += std::to_string(producers) + (producers == 1 ? " producer" : " producers");
    Line line{std::move(name), colour, {}, false, true};
    for (const Rate& each : device.rates)
        if (each.want == want && each.shape.producers == producers)
            line.points.push_back({std::log2(static_cast<double>(each.shape.batch)), each.slots_per_s});
    return line;
}

Panel rates(const DeviceNumbers& device) {
    const std::string title =
        "Throughput against the size of a batch (ring of " + std::to_string(device.rate_capacity);
    Panel panel{title + " slots)", "slots a batch", "slots per second", {}, {}};
    unsigned most = 1, producers = 1;
    for (const Rate& each : device.rates) {
        most = std::max(most, each.shape.batch);
        producers = std::max(producers, each.shape.producers);
    }
    const double last = std::max(1.0, std::log2(static_cast<double>(most)));
    for (double at = 0; at <= last; at += last > 10 ? 2 : 1) panel.x_ticks.push_back({at, number(std::exp2(at))});
    if (panel.x_ticks.back().at < last) panel.x_ticks.push_back({last, number(std::exp2(last))});

    panel.lines.push_back(throughput(device, Want::quiet, 1, "#7db3cc"));
    if (producers > 1) panel.lines.push_back(throughput(device, Want::quiet, producers, colours[0]));
    panel.lines.push_back(throughput(device, Want::state, 1, "#e29ab9"));
    if (producers > 1) panel.lines.push_back(throughput(device, Want::state, producers, colours[3]));
    const Limits& limits = device.limits;
    const auto bound = [&](const char* name, double rate, const char* colour) {
        if (rate > 0) panel.lines.push_back({name, colour, {{0, rate}, {last, rate}}, true});
    };
    bound("plain kernel, reads whole slots", limits.read_slots_per_s, colours[6]);
    bound("plain kernel, writes 16 bytes a slot", limits.write_result_slots_per_s, "#999999");
    bound("pipelined kernel launches", limits.pipelined_launches_per_s, colours[1]);
    return panel;
}

constexpr const char* style = R"(<style>
text { font-family: Helvetica, Arial, 'DejaVu Sans', sans-serif; fill: #222 }
.head { font-size: 19px; font-weight: bold }
.sub { font-size: 12.5px; fill: #666 }
.title { font-size: 15px; font-weight: bold }
.label { font-size: 13px }
.tick { font-size: 12px; fill: #555 }
.key { font-size: 12.5px }
.grid { stroke: #d4d4d4; fill: none }
.fine { stroke: #eee; fill: none }
.frame { stroke: #888; fill: none }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.bound { stroke-dasharray: 6 4; stroke-width: 1.5 }
</style>
)";

}  // namespace

std::string as_svg(const Report& report) {
    std::string out;
    add(out, "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f'", width, height);
    add(out, " viewBox='0 0 %.0f %.0f'>\n", width, height);
    out += style;
    out += "<rect width='100%' height='100%' fill='white'/>\n";
    if (report.device) {
        const DeviceNumbers& device = *report.device;
        const DeviceInfo& info = device.info;
        std::string about = info.platform.substr(0, info.platform.find(',')) + ", driver " + info.driver + "; ";
        about += name(info.mode);
        if (info.shape.groups != 0)
            about.append(", ")
                .append(std::to_string(info.shape.groups))
                .append(" groups x ")
                .append(std::to_string(info.shape.lanes))
                .append(" lanes");
        const Machine& machine = report.machine;
        const std::string where = machine.cpu + ", " + std::to_string(machine.cores) + " cores; " + machine.system +
                                  "; commit " + machine.commit;
        write(out, "head", "start", 76, 36, "slipring on " + info.name.substr(0, 90));
        write(out, "sub", "start", 76, 56, about.substr(0, 190));
        write(out, "sub", "start", 76, 73, where.substr(0, 190));
        const Panel left = latency(device), right = rates(device);
        Plotter(left, 76, 122, 520, 370).draw(out);
        Plotter(right, 726, 122, 520, 370).draw(out);
    }
    return out + "</svg>\n";
}

}  // namespace slipring::bench
