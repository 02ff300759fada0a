// SPDX-License-Identifier: GPL-2.0-or-later
#include "yaml.hpp"

#include "killswitchd/printable.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace ks {

namespace {

/// The schema needs 5; what is deeper is a mistake, or an attack on the stack.
constexpr std::size_t kMaxDepth = 16;
/// No mapping of the schema has so many keys; keeps the search for repeated keys short.
constexpr std::size_t kMaxKeys = 64;

/// Ends the parsing of a text from inside a callback.
struct Refusal {
    Place at;
    std::string message;
};

class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(std::size_t file, Findings& findings) : file_(file), findings_(findings) {}

    [[nodiscard]] Place place(const YAML::Mark& mark) const {
        // yaml-cpp counts from 0 and marks "unknown" with -1; editors count from 1.
        return mark.line < 0 ? Place{file_, 0, 0}
                             : Place{file_, static_cast<unsigned>(mark.line + 1),
                                     static_cast<unsigned>(mark.column + 1)};
    }
    [[nodiscard]] std::optional<Node> take() && { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (root_) {
            throw Refusal{place(mark),
                          "only one document is allowed in a file; here begins another"};
        }
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(Node::Kind::null, mark, {}, anchor));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        findings_.error(place(mark), "aliases are not supported", "write the value out");
        add(make(Node::Kind::refused, mark, {}, YAML::NullAnchor));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node = make(Node::Kind::scalar, mark, tag, anchor);
        node.quoting = tag == "!" ? Node::Quoting::quoted : Node::Quoting::plain;
        node.text = value;
        add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(make(Node::Kind::list, mark, tag, anchor));
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(make(Node::Kind::map, mark, tag, anchor));
    }
    void OnMapEnd() override { close(); }

  private:
    struct Key {
        std::string text;
        Place at;
        enum class Use : std::uint8_t { keep, drop } use = Use::keep;
    };
    struct Frame {
        Node node;
        std::optional<Key> key;  ///< Of the map entry whose value comes next.
    };

    Node make(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        Node node;
        node.kind = kind;
        node.at = place(mark);
        if (anchor != YAML::NullAnchor) {
            findings_.error(node.at, "anchors are not supported", "write each value out");
        }
        if (!tag.empty() && tag != "?" && tag != "!") {
            findings_.error(node.at,
                            fmt::format("tags such as {} are not supported", in_quotes(tag)),
                            "remove it");
        }
        return node;
    }

    void open(Node node) {
        if (stack_.size() >= kMaxDepth) {
            throw Refusal{node.at, "nested too deeply"};
        }
        stack_.push_back({std::move(node), std::nullopt});
    }

    void close() {
        Node node = std::move(stack_.back().node);
        stack_.pop_back();
        add(std::move(node));
    }

    void add(Node node) {
        if (stack_.empty()) {
            root_ = std::move(node);
            return;
        }
        Frame& frame = stack_.back();
        if (frame.node.kind == Node::Kind::list) {
            frame.node.items.push_back(std::move(node));
        } else if (!frame.key) {
            frame.key = read_key(frame.node, node);
        } else {
            if (node.kind == Node::Kind::null) {
                node.at = frame.key->at;  // yaml-cpp points behind it, often to the next line.
            }
            if (frame.key->use == Key::Use::keep) {
                frame.node.entries.push_back(
                    {std::move(frame.key->text), frame.key->at, std::move(node)});
            }
            frame.key.reset();
        }
    }

    Key read_key(const Node& map, const Node& node) {
        Key key{node.text, node.at, Key::Use::drop};
        if (node.kind == Node::Kind::refused) {
            return key;
        }
        if (node.kind != Node::Kind::scalar) {
            findings_.error(node.at, "a key must be a single word",
                            "put a value that begins with '[' or '{' in quotes");
            return key;
        }
        if (key.text == "<<") {
            findings_.error(key.at, "merge keys are not supported", "write the values out");
            return key;
        }
        for (const Entry& entry : map.entries) {
            if (entry.key == key.text) {
                findings_.error(key.at,
                                fmt::format("key {} is given twice, first on line {}",
                                            in_quotes(key.text), entry.at.line),
                                "keep one of the two");
                return key;
            }
        }
        if (map.entries.size() >= kMaxKeys) {
            throw Refusal{key.at, fmt::format("more than {} keys in one mapping", kMaxKeys)};
        }
        key.use = Key::Use::keep;
        return key;
    }

    std::size_t file_;
    Findings& findings_;
    std::vector<Frame> stack_;
    std::optional<Node> root_;
};

}  // namespace

std::optional<Node> read_yaml(const std::string& text, std::size_t file, Findings& findings) {
    TreeBuilder builder(file, findings);
    const std::size_t errors_before = findings.errors();
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Refusal& refusal) {
        findings.error(refusal.at, refusal.message);
    } catch (const YAML::Exception& problem) {
        findings.error(builder.place(problem.mark),
                       fmt::format("not valid YAML: {}", printable(problem.msg)),
                       "look at the indentation, colons, brackets and quotes here and just above");
        return std::nullopt;
    } catch (const std::exception& problem) {
        findings.error({file, 0, 0},
                       fmt::format("cannot be parsed: {}", printable(problem.what())));
        return std::nullopt;
    }
    auto root = std::move(builder).take();
    if (root && root->kind != Node::Kind::null) {
        return root;
    }
    if (findings.errors() == errors_before) {
        findings.error({file, 1, 1}, "holds no settings", "restore the file, or remove it");
    }
    return std::nullopt;
}

}  // namespace ks
