// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ks {

/// What varlink clients are told of org.killswitchd, and of org.varlink.service.
/// Source: varlink.org/Interface-Definition.
extern const char* const kInterface;
extern const char* const kVarlinkInterface;

}  // namespace ks
