// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ports_file.hpp"

#include "fuzz.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

using namespace ks;

/// A file of ports in any condition: what is opened is sorted and once, and reads the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const PortsFile file = parse_ports_file("/run/port", fuzz::text_of(data, size));
    fuzz::expect(file.ports.empty() || !file.broken());
    fuzz::expect(file.ports.size() <= kMaxFilePorts);
    fuzz::expect(std::ranges::is_sorted(file.ports));
    std::string again;
    for (const PortSpec& port : file.ports) {
        again += port.str() + "\n";
    }
    fuzz::expect(parse_ports_file("/run/port", again).ports == file.ports);
    return 0;
}
