// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/config.hpp"

#include "fuzz.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/situation.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

using namespace ks;

/// A config is refused with a message, or it has rules, and is the same again when written and
/// read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto number = [](const std::string& name) {
        return name.empty() ? std::nullopt : std::optional<std::uint32_t>(101);
    };
    const NameLookup names{number, number};
    const auto read = [&](std::string text) {
        return parse_config({{"k.yaml", std::move(text)}}, names);
    };
    const LoadedConfig loaded = read(std::string(fuzz::text_of(data, size)));
    const bool error = std::ranges::any_of(loaded.diagnostics, [](const Diagnostic& one) {
        return one.severity == Diagnostic::Severity::error;
    });
    fuzz::expect(loaded.ok() != error);
    for (const Diagnostic& one : loaded.diagnostics) {
        fuzz::expect(!render(one).empty());
    }
    if (loaded.ok()) {
        fuzz::expect(compile(*loaded.policy, Situation{}).has_value());
        fuzz::expect(read(config_text(*loaded.policy)).policy == loaded.policy);
    }
    return 0;
}
