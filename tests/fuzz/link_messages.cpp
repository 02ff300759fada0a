// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/link_messages.hpp"

#include "fuzz.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/surroundings.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

#include <linux/netlink.h>

using namespace ks;

/// Messages of rtnetlink, one after the other, as the kernel queues them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    LinkPicture picture;
    while (size >= sizeof(nlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, data, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > size) {
            break;
        }
        const std::vector<std::uint8_t> message(data, data + header.nlmsg_len);
        picture.apply(*reinterpret_cast<const nlmsghdr*>(message.data()));
        data += header.nlmsg_len;
        size -= header.nlmsg_len;
    }
    static_cast<void>(surroundings(Policy{}, picture.links(), {}));
    return 0;
}
