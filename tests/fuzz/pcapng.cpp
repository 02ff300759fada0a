// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/pcapng.hpp"

#include "fuzz.hpp"
#include "killswitchd/lab/frame.hpp"

#include <cstddef>
#include <cstdint>

using namespace ks;

/// A capture is refused, or each of its frames can be shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto frames = lab::read_pcapng({data, size});
    if (frames) {
        for (const lab::FrameInfo& frame : *frames) {
            fuzz::expect(frame.uplink < 2);
            fuzz::expect(!lab::describe(frame).empty());
        }
    }
    return 0;
}
