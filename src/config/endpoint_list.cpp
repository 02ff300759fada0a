// SPDX-License-Identifier: GPL-2.0-or-later
#include "endpoint_list.hpp"

#include "endpoint_hint.hpp"
#include "keys.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/printable.hpp"
#include "values.hpp"
#include "writers.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxImports = 16;

/// The list of one tunnel while it is read.
struct Draft {
    Tunnel& tunnel;
    std::map<std::string, Place> known;  ///< What was given so far.
};

/// Whether `what` was given before, which is then reported.
bool is_repeated(Context& context, const Node& node, const std::string& what, Draft& draft) {
    const auto [first, added] = draft.known.emplace(what, node.at);
    if (!added) {
        context.findings.error(node.at,
                               fmt::format("{} is given twice, first on {}", what,
                                           context.findings.refer_to(first->second, node.at)),
                               "keep one of the two");
    }
    return !added;
}

void read_import(Context& context, const Node& node, Draft& draft) {
    const auto path = read_value(context, node, "import", parse_path,
                                 "write the whole path, such as /etc/wireguard/wg0.conf");
    if (!path || is_repeated(context, node, fmt::format("import {}", *path), draft)) {
        return;
    }
    if (draft.tunnel.imports.size() == kMaxImports) {
        context.findings.error(
            node.at, fmt::format("more than {} imports in one tunnel", kMaxImports), "remove some");
        return;
    }
    warn_if_hidden(context, node, "import", *path);
    draft.tunnel.imports.push_back(*path);
}

constexpr std::array<Key<Draft>, 1> kImportKeys{
    {{"import", read_import, [](const Draft&) { return left_out(); }}}};

void read_endpoint(Context& context, const Node& node, Draft& draft) {
    if (node.kind == Node::Kind::map) {
        read_map(context, node, "an endpoint", kImportKeys, draft);
        if (node.entries.empty()) {
            context.findings.error(node.at, "an endpoint is an empty mapping",
                                   "write 'import: /etc/wireguard/wg0.conf'");
        }
        return;
    }
    if (node.kind == Node::Kind::list) {
        context.findings.error(node.at, "an endpoint must be a single value, not a list",
                               "put an endpoint that begins with '[' in quotes");
        return;
    }
    if (node.kind == Node::Kind::scalar && node.text == "auto") {
        static_cast<void>(is_repeated(context, node, "auto", draft));
        draft.tunnel.automatic = true;
        return;
    }
    if (!expect(context, node, Node::Kind::scalar, "an endpoint")) {
        return;
    }
    const auto endpoint = parse_endpoint(node.text);
    if (!endpoint) {
        context.findings.error(node.at, endpoint.error().what, endpoint_hint(node.text));
    } else if (const auto* const named = std::get_if<NamedEndpoint>(&*endpoint)) {
        if (!is_repeated(context, node, fmt::format("endpoint {}", named->str()), draft)) {
            draft.tunnel.names.push_back(*named);
        }
    } else if (const auto& at = std::get<Endpoint>(*endpoint);
               !is_repeated(context, node, fmt::format("endpoint {}", at.str()), draft)) {
        draft.tunnel.endpoints.push_back(at);
    }
}

Node write_import(const std::string& path) {
    Node map;
    map.kind = Node::Kind::map;
    map.entries.push_back({"import", {}, write_text(path)});
    return map;
}

}  // namespace

void read_endpoints(Context& context, const Node& node, Tunnel& tunnel) {
    if (!expect(context, node, Node::Kind::list, "endpoints")) {
        return;
    }
    Draft draft{tunnel, {}};
    for (const Node& item : node.items) {
        read_endpoint(context, item, draft);
    }
}

Node write_endpoints(const Tunnel& tunnel) {
    Node list = write_texts(tunnel.endpoints);
    std::ranges::move(write_texts(tunnel.names).items, std::back_inserter(list.items));
    std::ranges::transform(tunnel.imports, std::back_inserter(list.items), write_import);
    if (tunnel.automatic) {
        list.items.push_back(write_plain("auto"));
    }
    return list.items.empty() ? left_out() : list;
}

std::vector<std::string> endpoint_keys() {
    std::vector<std::string> keys = names_of(kImportKeys);
    keys.insert(keys.begin(), "");
    return keys;
}

}  // namespace ks
