// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "catch.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks::testing {

/// A fixed world of names: user "openvpn" 101, group "openvpn" 102, group "admins" 103.
inline NameLookup fixed_names() {
    return {[](const std::string& name) {
                return name == "openvpn" ? std::optional<std::uint32_t>(101) : std::nullopt;
            },
            [](const std::string& name) {
                return name == "openvpn"  ? std::optional<std::uint32_t>(102)
                       : name == "admins" ? std::optional<std::uint32_t>(103)
                                          : std::nullopt;
            },
            [](const std::string& name) {
                return name == "vpns" ? std::optional<std::uint32_t>(7) : std::nullopt;
            }};
}

inline LoadedConfig parse_text(const std::string& text) {
    return parse_config({{"k.yaml", text}}, fixed_names());
}

/// "LINE:COL: message" of each finding, with "warning: " before the message of a warning.
inline std::vector<std::string> findings(const LoadedConfig& loaded) {
    std::vector<std::string> all;
    for (const Diagnostic& d : loaded.diagnostics) {
        all.push_back(
            fmt::format("{}:{}: {}{}", d.line, d.column,
                        d.severity == Diagnostic::Severity::error ? "" : "warning: ", d.message));
    }
    return all;
}

inline std::vector<std::string> findings_of(const std::string& text) {
    return findings(parse_text(text));
}

inline std::size_t errors_in(const LoadedConfig& loaded) {
    std::size_t errors = 0;
    for (const Diagnostic& d : loaded.diagnostics) {
        errors += d.severity == Diagnostic::Severity::error ? 1U : 0U;
    }
    return errors;
}

/// Two lines that are valid alone; whatever follows begins on line 3.
inline const std::string kOff = "version: 1\nmode: off\n";
/// Valid and without a warning; whatever follows begins on line 9.
inline const std::string kAlways = "version: 1\n"
                                   "mode: always\n"
                                   "tunnels:\n"
                                   "  - interface: wg0\n"
                                   "    kind: wireguard\n"
                                   "    endpoints:\n"
                                   "      - 203.0.113.7:51820/udp\n"
                                   "    only: { fwmark: 0xca6c }\n";

/// A config and the one finding it has, an error.
struct Mistake {
    std::string text;
    std::string finding;
};

inline void check_refused(const Mistake& mistake) {
    CAPTURE(mistake.text);
    const LoadedConfig loaded = parse_text(mistake.text);
    CHECK(findings(loaded) == std::vector<std::string>{mistake.finding});
    CHECK(!loaded.ok());
}

/// Mode off, so that nothing but the section can have findings; the section begins on line 3.
inline void check_section(const Mistake& mistake) {
    check_refused({kOff + mistake.text + "\n", mistake.finding});
}

inline Policy check_accepted(const std::string& text) {
    CAPTURE(text);
    const LoadedConfig loaded = parse_text(text);
    CHECK(findings(loaded).empty());
    REQUIRE(loaded.ok());
    return *loaded.policy;
}

/// A tunnel in flow style on line 3, whose first key begins in column 13.
inline std::string tunnel(const std::string& keys) {
    return kOff + "tunnels: [{ " + keys + " }]\n";
}

}  // namespace ks::testing
