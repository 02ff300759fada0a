// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "findings.hpp"
#include "tree.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace ks {

/// Reads one YAML document into a tree. Everything of YAML that surprises people is reported:
/// repeated keys, several documents, anchors, aliases, merge keys, tags, keys that are not words.
///
/// `file` is the index that positions carry. \return absent when there is no tree to go on with;
/// that has been reported.
[[nodiscard]] std::optional<Node> read_yaml(const std::string& text, std::size_t file,
                                            Findings& findings);

}  // namespace ks
