// SPDX-License-Identifier: GPL-2.0-or-later
// Prints every key of config files, one path per line, for the check of the manual page.
#include "killswitchd/config_text.hpp"

#include <cstdio>
#include <string>

#include <fmt/format.h>

int main() {
    for (const std::string& key : ks::config_keys()) {
        fmt::print("{}\n", key);
    }
}
