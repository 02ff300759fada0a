// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_on_disk.hpp"

#include "../host/observe.hpp"

#include <string>
#include <utility>

namespace ks {

void ConfigOnDisk::note(const LoadedConfig& config) {
    seen_ = config.hash;
    broken_ = what_is_broken(config);
    if (!broken_) {
        in_force_ = seen_;
    }
}

void ConfigOnDisk::look(const std::string& main_file) {
    std::string hash = config_hash(main_file);
    if (hash == seen_) {
        return;
    }
    seen_ = std::move(hash);
    broken_ = seen_ == in_force_ ? std::nullopt : what_is_broken(load_config(main_file));
}

}  // namespace ks
