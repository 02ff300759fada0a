// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/uapi.hpp"

#include "fuzz.hpp"
#include "killswitchd/automatic.hpp"

#include <cstdint>

using namespace ks;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    const auto device = parse_uapi(text);
    fuzz::expect(!device || is_whole_uapi_answer(text));
    if (device) {
        fuzz::expect(device->peers.size() <= kMaxVpnPeers);
        for (const VpnPeer& peer : device->peers) {
            fuzz::expect(peer.id.size() == 44);
            fuzz::expect(!peer.endpoint || peer.endpoint->port != 0);
        }
    }
    return 0;
}
