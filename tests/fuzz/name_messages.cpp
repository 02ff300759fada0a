// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/name_messages.hpp"

#include "fuzz.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Both directions of the pipe between the service and its resolver.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ks;
    const std::string_view message = fuzz::text_of(data, size);
    const auto question = decode_question(message);
    const auto reply = decode_reply(message);
    // There is one way to say a thing: what was understood is written as it came.
    fuzz::expect(!question || encode(*question) == message);
    fuzz::expect(!reply || encode(*reply) == message);
    return 0;
}
