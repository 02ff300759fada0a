// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.hpp"
#include "kernel/nft/decode.hpp"

#include <cstdint>
#include <string>

/// The NFTA_RULE_EXPRESSIONS of a foreign rule, as `status` and `diff` show it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static_cast<void>(ks::decode(std::string(ks::fuzz::text_of(data, size))));
    return 0;
}
