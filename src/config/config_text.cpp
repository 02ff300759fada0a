// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/config_text.hpp"

#include "keys.hpp"
#include "schema.hpp"
#include "writers.hpp"

#include <string>
#include <vector>

namespace ks {

std::string config_text(const Policy& policy) {
    return to_yaml(write_map(root_keys(), policy));
}

std::vector<std::string> config_keys() {
    return names_of(root_keys());
}

}  // namespace ks
