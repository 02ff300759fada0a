// SPDX-License-Identifier: GPL-2.0-or-later
#include "writable_chains.hpp"

#include "killswitchd/ruleset.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace ks::cli {

std::vector<Chain> writable_chains(const std::vector<Chain>& chains,
                                   const std::vector<std::string>& devices) {
    std::vector<Chain> all;
    for (const Chain& chain : chains) {
        if (!at_every_device(chain)) {
            all.push_back(chain);
            continue;
        }
        for (std::size_t i = 0; i < devices.size(); ++i) {
            all.push_back(chain);
            all.back().name += i == 0 ? std::string() : fmt::format("_{}", i + 1);
            all.back().device->name = devices[i];
        }
    }
    return all;
}

}  // namespace ks::cli
