// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../drills/adapt.hpp"
#include "../drills/allowance.hpp"
#include "../drills/drills.hpp"
#include "../drills/verdict.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ks::proof {

/// What left in spite of the lock for one cause, with the cure.
struct Leaked {
    std::size_t count = 0;
    std::string what;     ///< The most frequent: "udp 192.168.77.2 > 203.0.113.7:51820 by any ..."
    std::string because;  ///< "tunnel wg0 has no `only` (killswitchd.yaml:4)"
    std::string fix;
};

/// One drill as it was played, or why it could not be.
struct Played {
    std::string name;
    std::string title;
    std::string story;
    double seconds = 0;
    std::string error{};  ///< Not empty: there is no verdict.
    drills::Verdict verdict{};
    std::vector<Leaked> leaked{};

    [[nodiscard]] drills::Outcome outcome() const {
        return error.empty() ? verdict.outcome() : drills::Outcome::fails;
    }
};

/// One thing that the config allows, and what came of it in all drills.
struct Hole {
    std::string text;   ///< "LAN: on-link private networks"
    std::string place;  ///< "killswitchd.yaml:4"; empty when not known.
    bool wide = false;
    drills::Allowance::Kind kind = drills::Allowance::Kind::lan;
    std::size_t tried = 0;
    std::size_t left = 0;
    std::uint64_t packets = 0;
};

enum class Conclusion : std::uint8_t {
    holds,
    leaks,
    open,      ///< Nothing leaks, because most is allowed.
    unproven,  ///< Some drill failed.
};

/// Everything that one run of `killswitchd test` has found out.
struct Proof {
    std::string version;
    std::string kernel;   ///< "Linux 6.18.44 x86_64"
    std::string made;     ///< RFC 3339, UTC.
    std::string command;  ///< That plays it again.
    std::string config_file;
    std::string config_hash;  ///< LoadedConfig::hash.
    std::string config;       ///< The config as it was played.
    std::string rules{};      ///< As read back while the tunnel was up; empty: they were not.
    std::vector<std::string> notes;
    std::vector<Played> drills{};
    std::vector<Played> exceptions{};  ///< At most one.
    std::vector<Hole> holes{};

    [[nodiscard]] Conclusion conclusion() const;
    /// "THE LOCK HOLDS"
    [[nodiscard]] std::string headline() const;
    /// One sentence behind it.
    [[nodiscard]] std::string sentence() const;
};
[[nodiscard]] const char* word(Conclusion conclusion) noexcept;  ///< "holds", "leaks", ...

/// What a drill says, in the words of the config as it was written.
/// \param config  With a policy.
[[nodiscard]] Played played(const drills::Drill& drill, Result<drills::Verdict> verdict,
                            double seconds, const LoadedConfig& config, const Policy& policy);

/// Adds what the exceptions of `adapted` let through in `proof`'s drills.
void add_holes(Proof& proof, const drills::Adapted& adapted, const LoadedConfig& config);

/// "killswitchd.yaml:4", or empty.
[[nodiscard]] std::string place_of(const LoadedConfig& config, const std::string& key);

}  // namespace ks::proof
