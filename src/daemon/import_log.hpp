// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/import_watch.hpp"
#include "killswitchd/policy.hpp"

#include <string>

namespace ks {

/// What is wrong with the files from the start, and with watching them.
void log_imports(const ImportWatch& imports, const Policy& policy);

/// What became of one file. \return the line about its servers; empty when there is none.
std::string log_import(const ImportWatch::News& news);

}  // namespace ks
