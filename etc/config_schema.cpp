// SPDX-License-Identifier: GPL-2.0-or-later
// Prints the JSON schema of config files, whose keys are those of the table that they are read by.
// With --unknown: the keys whose values it cannot describe yet, one a line.
#include "killswitchd/config_text.hpp"

#include <cstddef>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace {

using Json = nlohmann::json;

Json words(std::vector<std::string> all) {
    return {{"enum", std::move(all)}};
}

Json text(const char* pattern) {
    return {{"type", "string"}, {"pattern", pattern}};
}

Json list_of(Json item) {
    return {{"type", "array"}, {"items", std::move(item)}};
}

Json any_of(std::vector<Json> forms) {
    return {{"anyOf", std::move(forms)}};
}

const Json& flag() {
    static const Json form{{"type", "boolean"}};
    return form;
}

const Json& name() {
    static const Json form{{"type", "string"}};
    return form;
}

/// A user or a group.
const Json& account() {
    static const Json form = any_of({name(), {{"type", "integer"}, {"minimum", 0}}});
    return form;
}

const Json& ports() {
    static const Json form = list_of(text("^[0-9]+(-[0-9]+)?/(tcp|udp)$"));
    return form;
}

/// What a key without keys of its own may have, in JSON's terms; the program's are narrower.
const std::map<std::string, Json>& forms() {
    static const Json names = list_of(name());
    static const Json accounts = list_of(account());
    static const Json prefix = text("^[0-9a-fA-F:.]+(/[0-9]+)?$");
    static const Json address = text("^[0-9a-fA-F:.]+$");
    static const std::map<std::string, Json> all{
        {"version", {{"const", 1}}},
        {"mode", any_of({words({"always", "on-drop"}), {{"enum", {"off", false}}}})},
        {"boot", words({"lock", "open"})},
        {"tunnels.name", name()},
        {"tunnels.interface", name()},
        {"tunnels.kind", name()},
        {"tunnels.endpoints", text("^(auto|.+/(udp|tcp|esp))$")},
        {"tunnels.endpoints.import", text("^/")},
        {"tunnels.follow_roaming", flag()},
        {"tunnels.ipsec", words({"policy"})},
        {"tunnels.inbound", any_of({words({"replies", "all"}), ports()})},
        {"tunnels.inbound_file", text("^/")},
        {"tunnels.private", words({"allow", "refuse"})},
        {"tunnels.via", name()},
        {"tunnels.only.fwmark",
         any_of({{{"type", "integer"}, {"minimum", 1}}, text("^(0x[0-9a-fA-F]+|[0-9]+)(/.+)?$")})},
        {"tunnels.only.user", account()},
        {"tunnels.only.group", account()},
        {"tunnels.only.cgroup", name()},
        {"tunnels.reconnect.unit", text("^[^-./@].*\\.service$")},
        {"tunnels.reconnect.after", text("^[1-9][0-9]*[sm]$")},
        {"ipv6", words({"block", "tunnel"})},
        {"dns.servers", any_of({words({"any"}), list_of(address)})},
        {"dns.bootstrap", list_of(address)},
        {"dns.user", account()},
        {"dns.hosts", flag()},
        {"lan.allow", flag()},
        {"lan.networks", any_of({words({"on-link", "private"}), list_of(prefix)})},
        {"lan.unsafe", flag()},
        {"lan.interfaces", names},
        {"lan.dns", flag()},
        {"lan.inbound", flag()},
        {"guests.interfaces", any_of({words({"auto"}), names})},
        {"guests.reach", words({"tunnel", "block"})},
        {"allow.outbound.to", prefix},
        {"allow.outbound.ports", ports()},
        {"allow.outbound.user", account()},
        {"allow.outbound.group", account()},
        {"allow.outbound.cgroup", name()},
        {"allow.outbound.interface", name()},
        {"allow.inbound.from", prefix},
        {"allow.inbound.ports", ports()},
        {"allow.inbound.interface", name()},
        {"scope", words({"all", "apps"})},
        {"apps.users", accounts},
        {"apps.groups", accounts},
        {"apps.cgroups", names},
        {"raw", words({"block", "allow"})},
        {"log.blocked", flag()},
        {"log.rate", text("^[0-9]+/(second|minute|hour|day)$")},
        {"ownership", any_of({words({"auto"}), {{"enum", {"off", false}}}})},
        {"control.admin_group", account()},
        {"control.read", text("^(all|root|group .+)$")},
    };
    return all;
}

/// Mappings of which there are many.
bool is_list(const std::string& path) {
    return path == "tunnels" || path == "allow.outbound" || path == "allow.inbound";
}

struct Node {
    std::map<std::string, Node> inner;
    bool plain = false;  ///< It can be something else than a mapping.
};

Node tree_of(const std::vector<std::string>& keys) {
    Node root;
    for (const std::string& key : keys) {
        Node* node = &root;
        for (std::string_view rest = key; !rest.empty();) {
            const std::size_t dot = rest.find('.');
            node = &node->inner[std::string(rest.substr(0, dot))];
            rest = dot == std::string_view::npos ? "" : rest.substr(dot + 1);
        }
        node->plain = true;
    }
    return root;
}

Json form_of(const std::string& path) {
    const auto form = forms().find(path);
    return form == forms().end() ? Json(true) : form->second;
}

Json schema_of(const Node& node, const std::string& path) {
    if (node.inner.empty()) {
        return form_of(path);
    }
    Json map{{"type", "object"}, {"additionalProperties", false}};
    for (const auto& [key, inner] : node.inner) {
        map["properties"][key] = schema_of(inner, path.empty() ? key : path + "." + key);
    }
    if (node.plain) {  // A list of either.
        return list_of(any_of({form_of(path), std::move(map)}));
    }
    return is_list(path) ? list_of(std::move(map)) : map;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> keys = ks::config_keys();
    if (argc > 1 && std::string_view(argv[1]) == "--unknown") {
        for (const std::string& key : keys) {
            if (!forms().contains(key)) {
                fmt::print("{}\n", key);
            }
        }
        return 0;
    }
    Json schema = schema_of(tree_of(keys), "");
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = "Config of killswitchd";
    schema["description"] =
        "One file of several that are merged, so that no key is mandatory here. "
        "`killswitchd check` judges all of them together; see killswitchd.yaml(5).";
    fmt::print("{}\n", schema.dump(2));
}
