// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/evaluate.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/step.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ks {

enum class Direction : std::uint8_t { out, in, forward };

/// What decides on a packet on its way.
struct Decision {
    bool allowed = false;
    std::string reason;     ///< The counter of a refusal; empty when it is allowed or has none.
    std::string chain;      ///< Empty when no chain of ours sees the packet.
    std::size_t rule = 0;   ///< 1 is the first; one more than there are for the chain's policy.
    std::size_t rules = 0;  ///< How many the chain has.
    std::string text;       ///< The rule as nft writes it.
    std::string comment;    ///< What the rule is for.
    friend bool operator==(const Decision&, const Decision&) = default;
};

/// What follow() says of `packet` on its way in that direction; `packet.hook` does not count. Pure.
[[nodiscard]] Decision decision_on(const Ruleset& ruleset, PacketView packet, Direction direction);

/// One change of the config that would let a packet pass.
struct Cure {
    std::string yaml;    ///< One line that `check` accepts, alone in a file of conf.d.
    std::string effect;  ///< What it opens, in a few words.
    friend bool operator==(const Cure&, const Cure&) = default;
};

/// Those of the usual changes after which decision_on() allows the packet: tried, not guessed.
[[nodiscard]] std::vector<Cure> cures(const State& state, const PacketView& packet,
                                      Direction direction);

/// Why a refusal with this reason is one, as a clause: "the local network is not allowed".
[[nodiscard]] std::string why_refused(const Decision& decision);

/// The key of the config behind a refusal and its value: "lan.allow is false (default)"; empty
/// where no key is.
[[nodiscard]] std::string key_behind(const Decision& decision, const Policy& policy);

}  // namespace ks
