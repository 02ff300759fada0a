// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/sets.hpp"

namespace ks {

bool has_family(const SetKey& key) noexcept {
    return key.of != SetKey::Of::interface && key.of != SetKey::Of::packet_type &&
           key.of != SetKey::Of::user;
}

}  // namespace ks
