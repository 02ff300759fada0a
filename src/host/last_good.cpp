// SPDX-License-Identifier: GPL-2.0-or-later
#include "last_good.hpp"

#include "killswitchd/accounts.hpp"
#include "killswitchd/config_text.hpp"
#include "killswitchd/files.hpp"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace ks {

namespace {

std::string path_of(const Paths& paths) {
    return paths.state_dir + "/last-good.yaml";
}

/// Tells whether the files are still those that the policy was made of.
std::string first_line(const LoadedConfig& config) {
    return fmt::format("# {}\n", config.hash);
}

std::optional<Policy> last_good_of(const Paths& paths, const LoadedConfig& config) {
    auto text = read_trusted_file(path_of(paths), kMaxConfigBytes);
    if (!text || !text->starts_with(first_line(config))) {
        return std::nullopt;
    }
    // It has numbers alone, so that no name need be known.
    return parse_config({{path_of(paths), *std::move(text)}}, NameLookup{}).policy;
}

}  // namespace

LoadedConfig load_usable_config(const Paths& paths) {
    LoadedConfig config = load_config(paths.config);
    if (config.only_names_unknown) {
        config.policy = last_good_of(paths, config);
    }
    return config;
}

Status keep_last_good(const Paths& paths, const LoadedConfig& config) {
    if (auto made = ensure_directory(paths.state_dir); !made) {
        return made;
    }
    return write_file_atomically(path_of(paths), first_line(config) + config_text(*config.policy));
}

}  // namespace ks
