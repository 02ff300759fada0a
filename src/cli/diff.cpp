// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/observe.hpp"
#include "killswitchd/difference.hpp"
#include "killswitchd/differences.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/situation.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace ks::cli {

namespace {

/// What both sides of a difference belong to: of a rule, its chain.
std::string heading(Difference difference) {
    if (difference.where == Difference::Where::rule) {
        difference.where = Difference::Where::chain;
    }
    return place_of(difference);
}

void print_side(const Options& options, const Difference& difference, char sign,
                const std::optional<std::string>& text) {
    if (!text) {
        return;
    }
    const bool missing = sign == '-';
    const std::string number =
        difference.where == Difference::Where::rule ? fmt::format("{:>3} ", difference.rule) : "";
    const std::string shown = !text->empty() ? *text : missing ? "missing" : "not ours";
    fmt::print("{}\n", paint(options, missing ? Tone::good : Tone::bad,
                             fmt::format("{} {}{}", sign, number, shown)));
}

}  // namespace

int diff(const Options& options) {
    const World world = observe(options.paths);
    if (!world.config.ok()) {
        complain(world.config.diagnostics);
        return kConfigInvalid;
    }
    auto nftables = Nftables::open(Ownership::off);
    if (!nftables) {
        return fail(nftables.error());
    }
    const KernelView view = look(*nftables, world.state.wanted);
    if (!view.tables) {
        return fail(view.tables.error());
    }
    const auto all = differences(world.state.wanted, *view.tables);
    if (all.empty()) {
        fmt::print("no difference: the kernel holds the rules of state {}\n",
                   word(world.state.situation.state));
        return kDone;
    }
    std::string under;
    for (const Difference& difference : all) {
        if (const std::string place = heading(difference); place != under) {
            fmt::print("{}\n", place);
            under = place;
        }
        print_side(options, difference, '-', difference.should);
        print_side(options, difference, '+', difference.is);
    }
    return kFailed;
}

}  // namespace ks::cli
