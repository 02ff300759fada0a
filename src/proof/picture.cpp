// SPDX-License-Identifier: GPL-2.0-or-later
#include "picture.hpp"

#include "../drills/record.hpp"
#include "../drills/tally.hpp"
#include "markup.hpp"
#include "proof.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks::proof {

namespace {

using drills::BurstFates;
using drills::Fate;

constexpr double kWidth = 372;
constexpr double kHeight = 122;
constexpr double kLeft = 50;
constexpr double kLane = 36;
constexpr double kFirstLane = 22;
constexpr double kSecondLane = 64;
constexpr double kBar = 105;
constexpr double kGap = 6;

constexpr std::array<Fate, 4> kFates{Fate::stopped, Fate::tunnel, Fate::allowed, Fate::clear};

/// As short as a tenth of a pixel allows.
std::string number(double value) {
    std::string text = fmt::format("{:.1f}", value);
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::size_t columns(std::size_t marks, std::size_t rows) {
    return (marks + rows - 1) / rows;
}

/// Where the marks of both lanes stand: bursts from left to right, each filled from top to bottom,
/// so that a mark of one lane is above its like in the other.
class Layout {
  public:
    explicit Layout(const Played& drill) {
        const auto& without = drill.verdict.without.tally.bursts;
        const auto& with = drill.verdict.with.tally.bursts;
        for (std::size_t i = 0; i < std::max(without.size(), with.size()); ++i) {
            sizes_.push_back(std::max(i < without.size() ? without[i].fates.size() : 0,
                                      i < with.size() ? with[i].fates.size() : 0));
        }
        constexpr std::size_t kMostRows = 36;
        for (rows_ = 3; rows_ < kMostRows && width() > kWidth - kLeft; ++rows_) {
        }
    }

    [[nodiscard]] double pitch() const { return kLane / static_cast<double>(rows_); }
    [[nodiscard]] double left(std::size_t burst) const {
        double x = kLeft;
        for (std::size_t i = 0; i < std::min(burst, sizes_.size()); ++i) {
            x += span(i) + kGap;
        }
        return x;
    }
    [[nodiscard]] double span(std::size_t burst) const {
        return static_cast<double>(columns(sizes_[burst], rows_)) * pitch();
    }
    [[nodiscard]] double x(std::size_t burst, std::size_t mark) const {
        return left(burst) + (static_cast<double>(mark / rows_) + 0.5) * pitch();
    }
    [[nodiscard]] double y(std::size_t mark) const {
        return (static_cast<double>(mark % rows_) + 0.5) * pitch();
    }

  private:
    [[nodiscard]] double width() const {
        double all = 0;
        for (std::size_t i = 0; i < sizes_.size(); ++i) {
            all += span(i) + kGap;
        }
        return all;
    }

    std::vector<std::size_t> sizes_;
    std::size_t rows_ = 3;
};

std::string_view css_class(Fate fate) {
    switch (fate) {
    case Fate::stopped:
        return "s";
    case Fate::tunnel:
        return "t";
    case Fate::allowed:
        return "a";
    case Fate::clear:
        return "c";
    }
    return "s";
}

/// Strokes of no length, whose caps are the marks: a small point, a ring, a dash, a square.
std::string marks_of(const std::vector<BurstFates>& bursts, Fate fate, const Layout& at,
                     double top) {
    std::string path;
    const double dash = fate == Fate::allowed ? 0.7 * at.pitch() : 0;
    for (std::size_t i = 0; i < bursts.size(); ++i) {
        for (std::size_t mark = 0; mark < bursts[i].fates.size(); ++mark) {
            if (bursts[i].fates[mark] == fate) {
                path += fmt::format("M{} {}h{}", number(at.x(i, mark) - dash / 2),
                                    number(top + at.y(mark)), number(dash));
            }
        }
    }
    return path;
}

std::string stroke(std::string_view name, double width, const std::string& path) {
    return fmt::format(R"(<path class="{}" stroke-width="{}" d="{}"/>)", name, number(width), path);
}

std::string lane(const std::vector<BurstFates>& bursts, const Layout& at, double top) {
    std::string svg;
    for (const Fate fate : kFates) {
        const std::string path = marks_of(bursts, fate, at, top);
        if (path.empty()) {
            continue;
        }
        const double pitch = at.pitch();
        const double width = fate == Fate::stopped   ? 0.36 * pitch
                             : fate == Fate::allowed ? 0.36 * pitch
                                                     : 0.84 * pitch;
        svg += stroke(css_class(fate), width, path);
        if (fate == Fate::tunnel) {
            svg += stroke("h", 0.42 * pitch, path);
        }
    }
    return svg;
}

/// Under the lanes: when there was a tunnel, in the run with the lock.
std::string tunnel_bar(const std::vector<BurstFates>& bursts, const Layout& at) {
    std::string svg;
    for (std::size_t i = 0; i < bursts.size(); ++i) {
        svg += fmt::format(
            R"(<rect class="{}" x="{}" y="{}" width="{}" height="3"><title>{} ms, {}</title></rect>)",
            bursts[i].tunnel ? "up" : "down", number(at.left(i)), number(kBar), number(at.span(i)),
            bursts[i].at_ms, bursts[i].tunnel ? "the tunnel is there" : "no tunnel");
    }
    return svg;
}

std::string text(double x, double y, std::string_view name, std::string_view content) {
    return fmt::format(R"(<text class="{}" x="{}" y="{}">{}</text>)", name, number(x), number(y),
                       marked_up(content));
}

std::uint64_t flooded(const drills::Run& run) {
    std::uint64_t all = 0;
    for (const drills::Poured& flood : run.record.floods) {
        all += flood.sent;
    }
    return all;
}

std::string below(const Played& drill) {
    const auto& bursts = drill.verdict.with.tally.bursts;
    const double seconds = bursts.empty() ? 0 : static_cast<double>(bursts.back().at_ms) / 1000;
    const std::uint64_t flood = flooded(drill.verdict.with);
    return fmt::format("{} probes{}, {:.1f} s", drill.verdict.with.tally.sent - flood,
                       flood == 0 ? "" : fmt::format(" and a flood of {} packets", flood), seconds);
}

std::string inner_panel(const Played& drill) {
    const Layout at(drill);
    const auto& without = drill.verdict.without.tally;
    const auto& with = drill.verdict.with.tally;
    const bool good = drill.outcome() == drills::Outcome::holds;
    std::string svg = text(0, 13, "name", drill.title);
    svg += text(kWidth, 13, good ? "sum good" : "sum bad",
                drill.error.empty() ? fmt::format("{} left without, {} with", without.escaped,
                                                  with.escaped + with.strays)
                                    : "not played");
    svg += text(0, kFirstLane + kLane / 2 + 4, "small", "without");
    svg += text(0, kSecondLane + kLane / 2 + 4, "small", "with");
    svg += lane(without.bursts, at, kFirstLane) + lane(with.bursts, at, kSecondLane);
    return svg + tunnel_bar(with.bursts, at) + text(kLeft, kHeight - 3, "small", below(drill));
}

std::string symbol(std::string_view name, double width, double length) {
    std::string marks =
        stroke(name, width, fmt::format("M{} 6h{}", number(6 - length / 2), number(length)));
    if (name == "t") {
        marks += stroke("h", width / 2, "M6 6h0");
    }
    return marks;
}

struct Meaning {
    std::string mark;
    const char* words;
};

std::vector<Meaning> meanings() {
    return {{symbol("c", 7, 0), "left in clear"},
            {symbol("s", 3, 0), "stopped"},
            {symbol("t", 8, 0), "came through the tunnel"},
            {symbol("a", 3, 7), "left, as the config allows"},
            {R"(<rect class="up" x="0" y="5" width="12" height="3"/>)", "tunnel up"},
            {R"(<rect class="down" x="0" y="5" width="12" height="3"/>)", "no tunnel"}};
}

}  // namespace

std::string panel(const Played& drill) {
    return fmt::format(
        R"(<svg class="panel" viewBox="0 0 {} {}" role="img" aria-label="{}: {} probes left in clear without, {} with the lock">{}</svg>)",
        number(kWidth), number(kHeight), marked_up(drill.title),
        drill.verdict.without.tally.escaped,
        drill.verdict.with.tally.escaped + drill.verdict.with.tally.strays, inner_panel(drill));
}

std::string picture_styles() {
    return ":root{--ink:#1a1a1a;--quiet:#555;--paper:#fff;--clear:#c3002f;--tunnel:#0a7d33;"
           "--stopped:#8a8a8a;--allowed:#a85b00;--off:#d5d5d5}\n"
           "@media(prefers-color-scheme:dark){:root{--ink:#eaeaea;--quiet:#aaa;--paper:#16181c;"
           "--clear:#ff5d73;--tunnel:#4fd07f;--stopped:#8f939b;--allowed:#ffb347;--off:#3b3f46}}\n"
           "@media print{:root{--ink:#000;--quiet:#444;--paper:#fff;--clear:#c3002f;"
           "--tunnel:#0a7d33;--stopped:#777;--allowed:#a85b00;--off:#d5d5d5}}\n"
           "svg text{font-family:system-ui,sans-serif;fill:var(--ink)}"
           "svg path{fill:none;stroke-linecap:round}"
           ".name{font-size:13px;font-weight:600}.sum{font-size:11px;text-anchor:end}"
           "svg .good{fill:var(--tunnel)}svg .bad{fill:var(--clear);font-weight:600}"
           "svg .small{font-size:10px;fill:var(--quiet)}"
           "svg path.c{stroke:var(--clear);stroke-linecap:square}svg path.s{stroke:var(--stopped)}"
           "svg path.t{stroke:var(--tunnel)}svg path.h{stroke:var(--paper)}"
           "svg path.a{stroke:var(--allowed);stroke-linecap:butt}"
           ".up{fill:var(--tunnel)}.down{fill:var(--off)}\n";
}

std::string legend() {
    std::string all;
    for (const Meaning& meaning : meanings()) {
        all += fmt::format(
            R"(<span><svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{}</svg> {}</span>)",
            meaning.mark, meaning.words);
    }
    return all;
}

std::string picture(const Proof& proof) {
    constexpr double kMargin = 20;
    constexpr double kTop = 92;
    constexpr double kStepX = kWidth + 30;
    constexpr double kStepY = kHeight + 14;
    std::vector<const Played*> drills;
    for (const auto* const some : {&proof.drills, &proof.exceptions}) {
        for (const Played& drill : *some) {
            drills.push_back(&drill);
        }
    }
    const double width = 2 * kMargin + kStepX + kWidth;
    const double height = kTop + static_cast<double>((drills.size() + 1) / 2) * kStepY + kMargin;
    const bool good = proof.conclusion() == Conclusion::holds;
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\">\n<style>{}"
        ".head{{font-size:24px;font-weight:700}}.line{{font-size:12px}}</style>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>\n",
        number(width), number(height), picture_styles());
    svg += text(kMargin, 38, good ? "head good" : "head bad", proof.headline()) + "\n";
    svg += text(kMargin, 58, "line", proof.sentence()) + "\n";
    double x = kMargin;
    for (const Meaning& meaning : meanings()) {
        svg += fmt::format("<g transform=\"translate({} 68)\">{}{}</g>", number(x), meaning.mark,
                           text(17, 10, "small", meaning.words));
        x += 30 + 5.2 * static_cast<double>(std::string_view(meaning.words).size());
    }
    for (std::size_t i = 0; i < drills.size(); ++i) {
        svg += fmt::format("\n<g transform=\"translate({} {})\">{}</g>",
                           number(kMargin + (i % 2 == 0 ? 0 : kStepX)),
                           number(kTop + static_cast<double>(i / 2) * kStepY),
                           inner_panel(*drills[i]));
    }
    return svg + "\n</svg>\n";
}

}  // namespace ks::proof
