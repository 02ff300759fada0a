// SPDX-License-Identifier: GPL-2.0-or-later
#include "test_screen.hpp"

#include "../drills/allowance.hpp"
#include "../drills/verdict.hpp"
#include "../proof/proof.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/wrap.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks::cli {

namespace {

using drills::Outcome;
using proof::Conclusion;

constexpr std::size_t kIndent = 6;
constexpr std::size_t kBelow = 15;  ///< Where what a label names begins.

std::string line(std::string_view label, std::string_view text) {
    return wrapped(escaped(fmt::format("{:{}}{:<9}{}", "", kIndent, label, text)), kBelow);
}

std::string outcome_word(const Options& options, Outcome outcome) {
    switch (outcome) {
    case Outcome::holds:
        return paint(options, Tone::good, "holds");
    case Outcome::allowed:
        return paint(options, Tone::warning, "allowed");
    case Outcome::leaks:
        return paint(options, Tone::bad, "LEAKS");
    case Outcome::fails:
        return paint(options, Tone::bad, "FAILED");
    }
    return {};
}

std::string hole_line(const proof::Hole& hole) {
    constexpr std::size_t kTextWidth = 38;
    const std::string text =
        hole.place.empty() ? hole.text : fmt::format("{} ({})", hole.text, hole.place);
    std::string result = fmt::format(
        "{} of {} {}, as you allowed", hole.left, hole.tried,
        hole.kind == drills::Allowance::Kind::inbound ? "connections got in" : "probes left");
    if (hole.tried == 0) {
        result = fmt::format("{} packets left, as you allowed", hole.packets);
    } else if (hole.left == 0) {
        result = fmt::format("none of {} got through: it opens nothing here", hole.tried);
    }
    if (text.size() <= kTextWidth) {
        return wrapped(escaped(fmt::format("  {:<{}} {}", text, kTextWidth, result)), kIndent);
    }
    return wrapped(escaped(fmt::format("  {}", text)), kIndent) +
           wrapped(escaped(fmt::format("{:{}}{}", "", kIndent, result)), kIndent);
}

}  // namespace

std::string test_head(const proof::Proof& proof, std::size_t count) {
    std::string text = wrapped(
        fmt::format("{} drill{} in throw-away networks, each without and with your rules. About {} "
                    "s; this machine's own network is not touched.",
                    count, count == 1 ? "" : "s", 3 * count),
        0);
    for (const std::string& note : proof.notes) {
        text += wrapped(escaped(fmt::format("note: {}", note)), kIndent);
    }
    return text + test_columns();
}

std::string test_columns() {
    return fmt::format("{:<41}left in clear\n  {:<28}{:>7}   {:>8} {:>8}\n", "", "drill", "probes",
                       "without", "with");
}

std::string test_row(const Options& options, const proof::Played& drill,
                     std::set<std::string>& told) {
    const auto& without = drill.verdict.without.tally;
    const auto& with = drill.verdict.with.tally;
    std::string text =
        fmt::format("  {:<28}{:>7}   {:>8} {:>8}   {}\n", drill.title, with.sent, without.escaped,
                    with.escaped + with.strays, outcome_word(options, drill.outcome()));
    for (const proof::Leaked& leaked : drill.leaked) {
        text += wrapped(escaped(fmt::format("{:{}}{} {}", "", kIndent, leaked.count, leaked.what)),
                        kBelow);
        const bool is_new = told.insert(leaked.because).second;
        text += is_new ? line("because", leaked.because) + line("fix", leaked.fix)
                       : line("because", "as above");
    }
    if (drill.outcome() == Outcome::fails || drill.outcome() == Outcome::allowed) {
        if (!drill.error.empty()) {
            text += line("because", drill.error);
        }
        for (const std::string& reason :
             drill.error.empty() ? drill.verdict.reasons() : std::vector<std::string>()) {
            text += line("because", reason);
        }
    }
    return text;
}

std::string test_end(const Options& options, const proof::Proof& proof) {
    std::string text;
    if (!proof.holes.empty()) {
        text += "your exceptions, played as well:\n";
        for (const proof::Hole& hole : proof.holes) {
            text += hole_line(hole);
        }
    }
    const Conclusion conclusion = proof.conclusion();
    const std::string all =
        wrapped(escaped(fmt::format("{}: {}", proof.headline(), proof.sentence())), 2);
    const std::string head = proof.headline();
    return text + paint(options, conclusion == Conclusion::holds ? Tone::good : Tone::bad, head) +
           all.substr(head.size());
}

}  // namespace ks::cli
