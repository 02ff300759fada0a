// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/dns_answer.hpp"

#include "fuzz.hpp"
#include "killswitchd/name_messages.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

/// What servers, or whoever speaks for them, answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ks;
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        const auto answer = parse_dns_answer(std::span(data, size), family);
        if (!answer) {
            continue;
        }
        fuzz::expect(!answer->addresses.empty() && answer->addresses.size() <= kMaxNameAnswers);
        fuzz::expect(answer->ttl.count() >= 0);
        for (const IpAddress& address : answer->addresses) {
            fuzz::expect(address.family == family);
        }
    }
    return 0;
}
